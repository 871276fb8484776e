import type { SchemaElement } from "hyparquet";
import { NumberText, UnreadValue } from "./literals";

/** Exact numbers of parquet, also within lists, structs and maps, where hyparquet would give rounded ones. */

type Convert = (value: unknown) => unknown;

/** A column of the schema, or a part of one, as hyparquet describes it. */
export interface SchemaNode {
  element: SchemaElement;
  children: SchemaNode[];
}

/**
 * What makes exact values of what hyparquet reads of a column; null: they are exact already.
 *
 * hyparquet multiplies decimals by a power of ten that no double holds. So their elements are changed here: taken for
 * the integers or bytes that they are made of, from which the digits are written. It must be called before rows are read.
 */
export function createConverter({ element, children }: SchemaNode): Convert | null {
  if (element.logical_type?.type === "VARIANT") return refuseNumbers;
  if (children.length === 0) return createLeafConverter(element);
  if (element.converted_type === "MAP" && children[0]?.children.length === 2) {
    const [{ element: keyElement }] = children[0].children as [SchemaNode, SchemaNode];
    const [key, each] = children[0].children.map(createConverter);
    if (!key && !each) return null;
    const convertKey = key ? createKeyConverter(key, keyElement) : String;
    return (map) => convertMap(map, convertKey, each ?? null);
  }
  const isList =
    element.converted_type === "LIST" &&
    children.length === 1 &&
    children[0]!.element.repetition_type === "REPEATED" &&
    children[0]!.children.length < 2;
  if (isList) {
    const [repeated] = children;
    return toEach(createConverter(repeated!.children[0] ?? repeated!));
  }
  const fields = children.flatMap((child): [string, Convert][] => {
    const convert = createConverter(child);
    return convert ? [[child.element.name, convert]] : [];
  });
  return fields.length === 0 ? null : toEach((struct) => convertStruct(struct, fields));
}

/** Of a part that is repeated hyparquet gives a list, of lists within lists one within another. */
function toEach(convert: Convert | null): Convert | null {
  if (convert === null) return null;
  const convertAll: Convert = (value) =>
    Array.isArray(value) ? value.map(convertAll) : convert(value);
  return convertAll;
}

function createLeafConverter(element: SchemaElement): Convert | null {
  const { type, logical_type: logical } = element;
  // hyparquet gives the number of milliseconds or less since midnight.
  if (/^TIME_M/.test(element.converted_type ?? "") || logical?.type === "TIME")
    return toEach((value) => (value == null ? value : new UnreadValue("a time of day")));
  const isDecimal = element.converted_type === "DECIMAL" || logical?.type === "DECIMAL";
  if (!isDecimal) return type === "FLOAT" ? toEach(toShortestFloat) : null;
  const scale = element.scale ?? (logical?.type === "DECIMAL" ? logical.scale : 0);
  delete element.converted_type;
  delete element.logical_type;
  // Else its bytes would be taken for a text; those of this type go through a parser of ours (`KEEP_BYTES`).
  if (type === "BYTE_ARRAY") element.logical_type = { type: "GEOGRAPHY" };
  return toEach((value) => toDecimal(value, scale));
}

/** The parser that leaves bytes as they are. */
export const KEEP_BYTES = {
  geographyFromBytes: (bytes: Uint8Array | undefined): Uint8Array | undefined => bytes?.slice(),
};

function convertStruct(struct: unknown, fields: readonly [string, Convert][]): unknown {
  if (typeof struct !== "object" || struct === null) return struct;
  const converted: Record<string, unknown> = { ...struct };
  for (const [name, convert] of fields)
    if (Object.hasOwn(converted, name)) converted[name] = convert(converted[name]);
  return converted;
}

/** hyparquet makes names of the keys: of a number its digits, of bytes their numbers with commas between them. */
function createKeyConverter(convert: Convert, { type }: SchemaElement): (name: string) => string {
  if (type === "FLOAT") return (name) => String(convert(Number(name)));
  if (type === "INT32" || type === "INT64") return (name) => String(convert(BigInt(name)));
  return (name) => String(convert(Uint8Array.from(name.split(","), Number)));
}

function convertMap(
  value: unknown,
  convertKey: (name: string) => string,
  convert: Convert | null,
): unknown {
  if (Array.isArray(value)) return value.map((item) => convertMap(item, convertKey, convert));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [convertKey(name), convert ? convert(item) : item]),
  );
}

/** Of numbers in a VARIANT it cannot be told which were decimals, which hyparquet rounds. */
function refuseNumbers(value: unknown): unknown {
  if (typeof value === "number") return new UnreadValue("a number of parquet's type VARIANT");
  if (Array.isArray(value)) return value.map(refuseNumbers);
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, refuseNumbers(item)]));
}

/** The shortest number that is this one in 32 bits: 0.1, not 0.10000000149011612. */
function toShortestFloat(value: unknown): unknown {
  if (typeof value !== "number" || !Number.isFinite(value)) return value;
  const digits = [6, 7, 8].find((count) => Math.fround(Number(value.toPrecision(count))) === value);
  return Number(value.toPrecision(digits ?? 9));
}

/** The digits of a decimal: big-endian bytes, or an integer. */
function toDecimal(value: unknown, scale: number): unknown {
  if (value === null || value === undefined) return value;
  const integer =
    value instanceof Uint8Array
      ? BigInt.asIntN(8 * value.length, BigInt(`0x${Buffer.from(value).toString("hex") || "0"}`))
      : BigInt(value as number | bigint);
  const digits = String(integer < 0n ? -integer : integer);
  const all = scale < 0 ? digits + "0".repeat(-scale) : digits.padStart(scale + 1, "0");
  const whole = scale > 0 ? all.slice(0, -scale) : all;
  const fraction = scale > 0 ? `.${all.slice(-scale)}` : "";
  return new NumberText(`${integer < 0n ? "-" : ""}${whole}${fraction}`);
}
