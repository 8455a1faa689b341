import { CallPanel } from "./panels/call.js";
import { ChatPanel } from "./panels/chat.js";
import { LinkPanel } from "./panels/link.js";
import { StreamPanel } from "./panels/stream.js";
import { UploadPanel } from "./panels/upload.js";
import { Connection } from "./session.js";

const stream = new StreamPanel();
const chat = new ChatPanel();
const link = new LinkPanel(() => void connection.open());
const connection = new Connection([link, new CallPanel(), stream, new UploadPanel(), chat], {
  sending: (progress) => stream.sending(progress),
  nudged: (by) => chat.nudged(by),
});
void connection.open();
