/** The globals of a test tab: the package, the services of the test server, and helpers. */
import * as roam from "@roam-rpc/client";
import { introspect } from "@roam-rpc/client/introspect";
import { Calls } from "../gen/calls.js";
import { Endings } from "../gen/endings.js";
import { Links } from "../gen/links.js";
import { Notifier } from "../gen/notifier.js";
import { Parcels } from "../gen/parcels.js";
import { Sockets } from "../gen/sockets.js";
import { Streams } from "../gen/streams.js";
import { Values } from "../gen/values.js";
import { Watch } from "../gen/watch.js";
import * as bench from "./bench.js";
import * as cancelling from "./cancelling.js";
import * as core from "./core.js";
import * as disposal from "./disposal.js";
import * as kit from "./kit.js";
import { tour } from "./tour.js";

const globals = {
  roam,
  Calls,
  Endings,
  Links,
  Notifier,
  Parcels,
  Sockets,
  Streams,
  Values,
  Watch,
  bench,
  cancelling,
  core,
  disposal,
  introspect,
  kit,
  tour,
};

export type Globals = typeof globals;

Object.assign(globalThis, globals);
// Tells `loadTestPage` that the page is ready.
document.documentElement.dataset["ready"] = "";
