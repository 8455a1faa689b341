const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `12,345` */
export function count(value: number | bigint): string {
  return whole.format(value);
}

/** `12.3 MB` */
export function bytes(value: number): string {
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? whole.format(value) : precise.format(value)} ${UNITS[unit]}`;
}

/** `870 µs`, `12.3 ms`, `4.56 s` */
export function duration(ms: number): string {
  if (ms < 0.9995) return `${whole.format(ms * 1000)} µs`;
  return ms < 999.5 ? `${precise.format(ms)} ms` : `${precise.format(ms / 1000)} s`;
}

/** `14:05` */
export function clock(ms: bigint): string {
  return new Date(Number(ms)).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** `3f9a…` */
export function hex(value: Uint8Array): string {
  return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
