/** How numbers, times and texts are written everywhere on the page. */
import type { Text } from "@/app/_i18n/format-text";
import { formatBytes } from "@/core/memory/index-plan";
import { WORDS } from "./words";

export { formatBytes };

export const NONE = "–";

/** Seconds as "340 ms", "8.2 s", "4 m 05 s", "2 h 10 m". */
export function formatSeconds(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, "0")} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
}

/** A measured value with about three significant digits: "0.482", "1.2e-5", "12,400". */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3) return value.toExponential(1).replace("e-", "e-").replace("e+", "e");
  if (size < 10) return trimZeros(value.toFixed(3));
  if (size < 1000) return trimZeros(value.toFixed(1));
  return Math.round(value).toLocaleString("en-US");
}

const trimZeros = (text: string): string =>
  text.includes(".") ? text.replace(/\.?0+$/, "") : text;

/** A whole number with separators: "12,400". */
export const formatInteger = (value: number): string => Math.round(value).toLocaleString("en-US");

const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** A large number in few letters: "1.2M". */
export const formatCompact = (value: number): string => COMPACT.format(value);

/** A count in at most four letters: "999", "9.9K", "12K". */
export const formatCount = (value: number): string =>
  formatCompact(value < 9_950 ? value : Math.round(value / 1000) * 1000);

/** A share as a percentage: 0.4823 -> "48.2%". */
export function formatShare(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  return `${trimZeros((value * 100).toFixed(1))}%`;
}

/** A difference with its sign: "+0.1", "−0.1", "0". */
export function formatSigned(value: number): string {
  const text = formatNumber(Math.abs(value));
  return value < 0 ? `−${text}` : value > 0 ? `+${text}` : text;
}

/** Mebibytes as "512 MiB" or "1.5 GiB". */
export function formatMegabytes(mb: number | null | undefined): string {
  if (mb === null || mb === undefined) return NONE;
  return formatBytes((mb < 1024 ? Math.round(mb) : mb) * 1024 ** 2);
}

/** Watt-hours as "12 Wh" or "1.5 kWh". */
export const formatEnergy = (wattHours: number): string =>
  wattHours >= 1000 ? `${formatNumber(wattHours / 1000)} kWh` : `${formatNumber(wattHours)} Wh`;

/** "just now", "5 m ago", "3 h ago", "2 d ago". */
export function formatAgo(t: Text, at: Date | number, now: number): string {
  const seconds = Math.max(0, (now - Number(at)) / 1000);
  if (seconds < 45) return t("just now");
  if (seconds < 3600)
    return t("{minutes} m ago", { minutes: Math.max(1, Math.round(seconds / 60)) });
  if (seconds < 86_400) return t("{hours} h ago", { hours: Math.round(seconds / 3600) });
  return t("{days} d ago", { days: Math.round(seconds / 86_400) });
}

/** Made once each: making one takes the browser several milliseconds. */
const formatters = new Map<string, Intl.DateTimeFormat>();
function getFormatter(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${Object.keys(options).join(" ")}`;
  const formatter = formatters.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formatters.set(key, formatter);
  return formatter;
}
const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
const DATE = { year: "numeric", month: "short", day: "2-digit" } as const;

/** "14:05:09". */
export const formatTime = (at: Date | number): string => getFormatter("en-GB", TIME).format(at);

/** "25 Nov 2026, 14:05:09", or "2026年11月25日 14:05:09". */
export const formatDateTime = (t: Text, at: Date | number): string =>
  getFormatter(t.language === "zh" ? "zh-CN" : "en-GB", { ...DATE, ...TIME }).format(at);

/** The first block of a UUID: enough to tell runs apart by eye. */
export const formatShortId = (id: string): string => id.slice(0, 8);

/** What a record holds, in words: "never-retrieved" -> "never retrieved". */
export const formatWords = (t: Text, key: string): string =>
  t(WORDS[key] ?? key.replaceAll(/[-_]/g, " "));
