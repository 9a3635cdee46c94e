/** The clock of a request: it stands still while the process waits for its parent, and is never turned back by that. */
import { expect, test } from "bun:test";
import { type ChildFailure, LimitedProcess } from "./limited-process.ts";
import { defaultLimits } from "./process-limits.ts";

const limits = { ...defaultLimits, requestSecondsMax: 0.5, outputBytesMax: 100 };

/** A process that says again whatever it is told. */
function startEcho(onLine: (line: string) => void = () => {}) {
  const { promise: ended, resolve } = Promise.withResolvers<ChildFailure>();
  return { echo: new LimitedProcess(["cat"], limits, { onLine, onEnd: resolve }), ended };
}

test("many short pauses do not give a request more time", async () => {
  const { echo, ended } = startEcho();
  echo.startRequest();
  const pausing = setInterval(() => {
    echo.pauseRequest();
    echo.resumeRequest();
  }, 20);
  expect(await ended).toMatchObject({ reason: "timed-out", detail: "longer than 0.5 s for one request" });
  clearInterval(pausing);
});

test("nor more output", async () => {
  const { echo, ended } = startEcho(() => {
    echo.pauseRequest();
    echo.resumeRequest();
    echo.send("ten letters");
  });
  echo.startRequest();
  echo.send("ten letters");
  expect(await ended).toMatchObject({ reason: "output-too-large" });
});

test("a pause may last longer than a request", async () => {
  const { promise: answered, resolve } = Promise.withResolvers<string>();
  const { echo } = startEcho(resolve);
  echo.startRequest();
  echo.pauseRequest();
  await Bun.sleep(3 * 1000 * limits.requestSecondsMax);
  echo.send("still here");
  expect(await answered).toBe('"still here"');
  await echo.close();
});
