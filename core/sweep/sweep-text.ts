import { AppError } from "@/contracts/errors";
import type { SettingValue } from "@/contracts/run-config/sweep";

/** Parses sweeps as people type them, on the command line and in the form. Pure. */

/** A value is JSON where it reads as JSON, else text. */
export function parseValue(text: string): SettingValue {
  try {
    return JSON.parse(text) as SettingValue;
  } catch {
    return text;
  }
}

/**
 * Values of one setting: "1,2,4", "gbr, upstream"; a JSON array is the list of its items. A comma within brackets or
 * quotes separates nothing.
 */
export function parseValues(text: string): SettingValue[] {
  const whole = parseValue(text.trim());
  if (Array.isArray(whole)) return whole;
  return splitList(text).map(parseValue);
}

/** "rl.steps=2, search.turns=1": one row of a list. @throws AppError "invalid-input" */
export function parseRow(text: string): Record<string, SettingValue> {
  const row: Record<string, SettingValue> = {};
  for (const part of splitList(text)) {
    const [path, value] = parseAssignment(part);
    if (path in row) throw new AppError("invalid-input", `${path} is given twice in "${text}".`);
    row[path] = parseValue(value);
  }
  return row;
}

/** "rl.steps=1,2,4": one axis of a grid. @throws AppError "invalid-input" */
export function parseAxis(text: string): { path: string; values: SettingValue[] } {
  const [path, values] = parseAssignment(text);
  return { path, values: parseValues(values) };
}

/** "1,2,3" or "1-5". @throws AppError "invalid-input" */
export function parseSeeds(text: string): number[] {
  return splitList(text).flatMap((part) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    const from = Number(range?.[1]);
    const to = range?.[2] === undefined ? from : Number(range[2]);
    if (!range || to < from || to - from > 10_000)
      throw new AppError(
        "invalid-input",
        `Seeds are whole numbers or ranges, e.g. 1,2,3 or 1-5, not "${part}".`,
      );
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

function parseAssignment(text: string): [path: string, value: string] {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw new AppError("invalid-input", `Write path=value, e.g. rl.steps=2, not "${text}".`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

/** Splits at commas and line ends outside of brackets and quotes; empty parts are left out. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  let depth = 0;
  let quoted = false;
  for (const [i, character] of [...text].entries()) {
    if (character === '"' && text[i - 1] !== "\\") quoted = !quoted;
    if (!quoted && /[[{]/.test(character)) depth += 1;
    if (!quoted && /[\]}]/.test(character)) depth -= 1;
    if (!quoted && depth === 0 && /[,\n]/.test(character)) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  return [...parts, part].map((one) => one.trim()).filter((one) => one !== "");
}
