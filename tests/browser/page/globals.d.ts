import type { Globals } from "./main.js";

/** The globals that `main.ts` defines for the functions that tests run in a tab. */
declare global {
  const roam: Globals["roam"];
  const Calls: Globals["Calls"];
  const Endings: Globals["Endings"];
  const Links: Globals["Links"];
  const Notifier: Globals["Notifier"];
  const Parcels: Globals["Parcels"];
  const Sockets: Globals["Sockets"];
  const Streams: Globals["Streams"];
  const Values: Globals["Values"];
  const Watch: Globals["Watch"];
  const bench: Globals["bench"];
  const cancelling: Globals["cancelling"];
  const core: Globals["core"];
  const disposal: Globals["disposal"];
  const introspect: Globals["introspect"];
  const kit: Globals["kit"];
  const tour: Globals["tour"];
}
