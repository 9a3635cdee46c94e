import { expect, test } from "bun:test";
import { serve } from "./serving.ts";

test("a part that cannot say that it is ready is closed: its sockets would keep the process alive", async () => {
  let closed = false;
  const serving = serve({
    child: false,
    announce: () => {
      throw new Error("no room for a line");
    },
    close: async () => {
      closed = true;
    },
  });
  expect(serving).rejects.toThrow("no room");
  await serving.catch(() => {});
  expect(closed).toBe(true);
});
