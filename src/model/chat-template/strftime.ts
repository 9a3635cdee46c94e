/** Python's `datetime.strftime` in the C locale for a time without a zone. */

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const millisecondsPerDay = 86_400_000;

type Part = (time: Date) => string | number;
const two =
  (part: (time: Date) => number): Part =>
  (time) =>
    String(part(time)).padStart(2, "0");
const hour12 = (time: Date) => time.getUTCHours() % 12 || 12;
const dayOfYear = (time: Date) =>
  Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0, 1)) / millisecondsPerDay) + 1;

/** The ISO year and week: the week of the Thursday. */
function isoWeek(time: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(time.getTime() + (4 - (time.getUTCDay() || 7)) * millisecondsPerDay);
  return { year: thursday.getUTCFullYear(), week: Math.floor((dayOfYear(thursday) - 1) / 7) + 1 };
}

const parts: Readonly<Record<string, Part | string>> = {
  a: (time) => days[time.getUTCDay()]!.slice(0, 3),
  A: (time) => days[time.getUTCDay()]!,
  b: (time) => months[time.getUTCMonth()]!.slice(0, 3),
  B: (time) => months[time.getUTCMonth()]!,
  c: "%a %b %e %H:%M:%S %Y",
  C: two((time) => Math.floor(time.getUTCFullYear() / 100)),
  d: two((time) => time.getUTCDate()),
  D: "%m/%d/%y",
  e: (time) => String(time.getUTCDate()).padStart(2, " "),
  f: (time) => String(time.getUTCMilliseconds() * 1000).padStart(6, "0"),
  F: "%Y-%m-%d",
  G: (time) => isoWeek(time).year,
  g: two((time) => isoWeek(time).year % 100),
  h: "%b",
  H: two((time) => time.getUTCHours()),
  I: two(hour12),
  j: (time) => String(dayOfYear(time)).padStart(3, "0"),
  k: (time) => String(time.getUTCHours()).padStart(2, " "),
  l: (time) => String(hour12(time)).padStart(2, " "),
  m: two((time) => time.getUTCMonth() + 1),
  M: two((time) => time.getUTCMinutes()),
  n: () => "\n",
  p: (time) => (time.getUTCHours() < 12 ? "AM" : "PM"),
  P: (time) => (time.getUTCHours() < 12 ? "am" : "pm"),
  r: "%I:%M:%S %p",
  R: "%H:%M",
  s: (time) => Math.floor(time.getTime() / 1000),
  S: two((time) => time.getUTCSeconds()),
  t: () => "\t",
  T: "%H:%M:%S",
  u: (time) => time.getUTCDay() || 7,
  U: two((time) => Math.floor((dayOfYear(time) + 6 - time.getUTCDay()) / 7)),
  V: two((time) => isoWeek(time).week),
  w: (time) => time.getUTCDay(),
  W: two((time) => Math.floor((dayOfYear(time) + 6 - ((time.getUTCDay() + 6) % 7)) / 7)),
  x: "%m/%d/%y",
  X: "%H:%M:%S",
  y: two((time) => time.getUTCFullYear() % 100),
  Y: (time) => time.getUTCFullYear(),
  z: () => "",
  Z: () => "",
  "%": () => "%",
};

/** @param time its UTC fields are the local time that is meant */
export function strftime(time: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (whole, minus: string, letter: string) => {
    const part = Object.hasOwn(parts, letter) ? parts[letter]! : undefined;
    if (part === undefined) return whole;
    const text = typeof part === "string" ? strftime(time, part) : String(part(time));
    return minus === "-" ? text.replace(/^[0 ]+(?=.)/, "") : text;
  });
}
