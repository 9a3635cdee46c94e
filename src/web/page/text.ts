/** How numbers, times and names are written. */

export function decimal(value: number | null, digits = 4): string {
  return value === null ? "–" : value.toFixed(digits);
}

export function percent(value: number | null): string {
  return value === null ? "–" : `${(100 * value).toFixed(value !== 0 && value < 0.1 ? 2 : 1)} %`;
}

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** `today 14:03` or `2026-03-01 14:03`, in the reader's time zone. */
export function time(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === new Date().toDateString()) return `today ${clock}`;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** The ends of a long key: enough to tell keys apart. */
export function short(key: string): string {
  return key.length <= 14 ? key : `${key.slice(0, 6)}…${key.slice(-4)}`;
}
