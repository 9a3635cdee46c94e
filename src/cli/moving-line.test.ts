import { expect, test } from "bun:test";
import fc from "fast-check";
import { clockText, fitted } from "./moving-line.ts";

test("what a line ends with is seen whole wherever there is room for it", () => {
  const printed = fc.string({ maxLength: 200 });
  fc.assert(
    fc.property(printed, printed, fc.integer({ min: 1, max: 250 }), (text, end, width) => {
      const line = fitted(text, end, width);
      expect(line.length).toBeLessThanOrEqual(width);
      if (text.length + end.length <= width) expect(line).toBe(text + end);
      else if (end.length <= width) expect(line.endsWith(end)).toBe(true);
    }),
  );
  expect(fitted("uid 7 somebody/a-very-long-name", ", 0:07 left", 24)).toBe("uid 7 somebo…, 0:07 left");
});

test("durations", () => {
  expect([0, 7, 59.6, 750, 11_100].map(clockText)).toEqual(["0:00", "0:07", "1:00", "12:30", "3:05:00"]);
});
