/** Calls from the server to the page. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("the page answers with a value or an error of the method", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    link.serve(Notifier, {
      notify: async (text) => `page: ${text}`,
      admit(age) {
        if (age < 18) throw roam.userError({ tag: "TooYoung", least: 18 });
        return "welcome";
      },
      wait: () => undefined,
      reverse: () => 0,
    });
    const { callBack, askBack } = link.client(Calls);
    return [await callBack("hello"), await askBack(18), await askBack(17)];
  });
  assert.deepEqual(report, [
    "page: hello",
    { tag: "Admitted", value: "welcome" },
    { tag: "Refused", value: { tag: "TooYoung", least: 18 } },
  ]);
});

test("a page without services reports an unknown method", async (lab) => {
  const tab = await lab.tab();
  const outcome = await tab.evaluate(async () => (await roam.connect("/rpc")).client(Calls).askBack(1));
  assert.deepEqual(outcome, { tag: "Unserved" });
});

test("a handler given to connect serves until it is replaced or stopped", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const answering = (name: string) => ({
      notify: (text: string) => `${name}: ${text}`,
      admit: () => name,
      wait: () => undefined,
      reverse: () => 0,
    });
    const link = await roam.connect("/rpc", { serve: [[Notifier, answering("first")]] });
    const { callBack, askBack } = link.client(Calls);
    const first = await callBack("hello");
    const stop = link.serve(Notifier, answering("second"));
    const second = await callBack("hello");
    stop();
    return [first, second, await askBack(1)];
  });
  assert.deepEqual(report, ["first: hello", "second: hello", { tag: "Unserved" }]);
});

test("a throwing handler fails only its call and logs an error", async (lab) => {
  lab.expectPageError(/no idea/);
  const tab = await lab.tab();
  const [outcome, alive] = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    link.serve(Notifier, {
      notify: (text) => text,
      admit() {
        throw new Error("no idea");
      },
      wait: () => undefined,
      reverse: () => 0,
    });
    const { callBack, askBack } = link.client(Calls);
    return [await askBack(1), await callBack("still here")] as const;
  });
  assert.equal(outcome.tag, "Failed");
  assert.equal(alive, "still here");
});

test("a handler of the page streams in both directions", async (lab) => {
  const tab = await lab.tab();
  const reversed = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    link.serve(Notifier, {
      notify: (text) => text,
      admit: () => "",
      wait: () => undefined,
      async reverse(words, reversed) {
        let count = 0;
        for await (const word of words) {
          await reversed.send([...word].reverse().join(""));
          count += 1;
        }
        return count;
      },
    });
    return link.client(Streams).reverseBack(["hello", "wörld", ""]);
  });
  assert.deepEqual(reversed, ["olleh", "dlröw", ""]);
});

test("a call cancelled by the server aborts its handler's signal", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const called = kit.deferred();
    const aborted = kit.deferred<string>();
    link.serve(Notifier, {
      notify: (text) => text,
      admit: () => "",
      wait({ signal }) {
        called.resolve();
        return new Promise((resolve) => {
          signal.onabort = () => {
            aborted.resolve("aborted");
            resolve();
          };
        });
      },
      reverse: () => 0,
    });
    const done = link.client(Calls).abandonBack(key);
    await called.promise;
    return { link, done, aborted: aborted.promise };
  }, key);
  assert.equal(await held.evaluate(({ link }) => link.stats().callsIn), 1);
  await watch.release(key);
  assert.equal(await held.evaluate(({ done, aborted }) => done.then(() => aborted)), "aborted");
});

test("closing the link aborts the signals of its handlers", async (lab) => {
  const tab = await lab.tab();
  const aborted = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const called = kit.deferred<AbortSignal>();
    link.serve(Notifier, {
      notify: (text) => text,
      admit: () => "",
      wait({ signal }) {
        called.resolve(signal);
        return new Promise(() => undefined);
      },
      reverse: () => 0,
    });
    const done = kit.failure(link.client(Calls).abandonBack(key));
    const signal = await called.promise;
    await link.close();
    return [signal.aborted, (await done)?.code];
  }, lab.key());
  assert.deepEqual(aborted, [true, "closed"]);
});

test("a handler without all methods is refused", async (lab) => {
  const tab = await lab.tab();
  const failure = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    return kit.failureOf(() => link.serve(Notifier, { notify: (text: string) => text } as never));
  });
  assert.deepEqual([failure?.code, failure?.method], ["invalid-argument", "Notifier.admit"]);
});
