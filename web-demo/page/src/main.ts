import { CallPanel } from "./panels/call.js";
import { ChatPanel } from "./panels/chat.js";
import { LinkPanel } from "./panels/link.js";
import { StreamPanel } from "./panels/stream.js";
import { UploadPanel } from "./panels/upload.js";
import { LinkManager } from "./session.js";

const stream = new StreamPanel();
const chat = new ChatPanel();
const link = new LinkPanel(() => void links.open());
const links = new LinkManager([link, new CallPanel(), stream, new UploadPanel(), chat], {
  sending: (progress) => stream.sending(progress),
  nudged: (by) => chat.nudged(by),
});
void links.open();
