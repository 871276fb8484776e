import type {
  AnyValue,
  ExportTraceRequest,
  KeyValue,
  OtlpSpan,
} from "@/contracts/formats/otlp/export-request";
import { cutExample } from "./rollout";
import { traceSpanSchema, type TraceSpan } from "@/contracts/formats/traces/span";

/** Spans of one resource: the program that made them, as it describes itself. */
export interface ResourceSpans {
  attributes: Record<string, unknown>;
  spans: TraceSpan[];
  /** Why spans cannot be read. */
  refused: string[];
}

/** The spans of a request by their resource. Pure. */
export const readResourceSpans = ({ resourceSpans }: ExportTraceRequest): ResourceSpans[] =>
  resourceSpans.map(({ resource, scopeSpans }) => {
    const read = scopeSpans.flatMap(({ spans }) => spans).map(readSpan);
    return {
      attributes: readAttributes(resource?.attributes ?? []),
      spans: read.filter((span) => typeof span !== "string"),
      refused: read.filter((span) => typeof span === "string"),
    };
  });

/** Error in the status of a span. */
const ERROR = new Set<unknown>([2, "STATUS_CODE_ERROR"]);

function readSpan(span: OtlpSpan): TraceSpan | string {
  const parsed = traceSpanSchema.safeParse({
    traceId: span.traceId.toLowerCase(),
    spanId: span.spanId.toLowerCase(),
    parentId: /^0*$/.test(span.parentSpanId) ? null : span.parentSpanId.toLowerCase(),
    name: span.name,
    start: toMilliseconds(span.startTimeUnixNano),
    end: toMilliseconds(span.endTimeUnixNano),
    error: ERROR.has(span.status?.code) ? span.status!.message || "no reason given" : null,
    attributes: nestAttributes(readAttributes(span.attributes)),
  });
  return parsed.success
    ? parsed.data
    : `span "${cutExample(span.name)}": ${parsed.error.issues[0]!.message}`;
}

/** Nanoseconds as milliseconds with their fraction; a double is exact to a fraction of a microsecond. */
const toMilliseconds = (nanoseconds: string | number): number =>
  Number(BigInt(nanoseconds) / 1000n) / 1000;

const readAttributes = (attributes: readonly KeyValue[]): Record<string, unknown> =>
  toObject(attributes.map(({ key, value }) => [key, value && readValue(value)] as const));

/** An object of whatever names, also of one that objects have themselves. */
const toObject = (entries: readonly (readonly [string, unknown])[]): Record<string, unknown> =>
  Object.fromEntries(entries.filter(([name]) => name !== "__proto__"));

function readValue(value: AnyValue): unknown {
  if (value.arrayValue) return value.arrayValue.values.map(readValue);
  if (value.kvlistValue) return readAttributes(value.kvlistValue.values);
  if (value.intValue !== undefined) return Number(value.intValue);
  // A double that is no number cannot be stored as JSON, and says so as a text.
  if (value.doubleValue !== undefined)
    return typeof value.doubleValue === "number" && !Number.isFinite(value.doubleValue)
      ? String(value.doubleValue)
      : value.doubleValue;
  return value.stringValue ?? value.boolValue ?? value.bytesValue ?? null;
}

/** Parts of a name that are nested; a longer name stays as it is. OpenInference's own have some ten. */
const MOST_PARTS = 32;

/** Largest number of an item; beyond it a number is a name. */
const MOST_ITEMS = 10_000;

/**
 * Attributes nested by the dots of their names, as OpenInference flattens lists: `a.0.b` is `{a: [{b}]}`. A name that
 * would stand in the way of another stays as it is, beside it.
 */
export function nestAttributes(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const root = new Map<string, unknown>();
  const left: [string, unknown][] = [];
  for (const [name, value] of Object.entries(flat))
    if (!insert(root, name.split(".", MOST_PARTS + 1), value)) left.push([name, value]);
  return toObject([...Object.entries(toPlain(root) as object), ...left]);
}

function insert(node: Map<string, unknown>, parts: readonly string[], value: unknown): boolean {
  const [first, ...rest] = parts;
  if (first === undefined || first === "" || parts.length > MOST_PARTS) return false;
  const there = node.get(first);
  if (rest.length === 0) {
    if (there !== undefined) return false;
    node.set(first, value);
    return true;
  }
  if (there === undefined) {
    const made = new Map<string, unknown>();
    if (!insert(made, rest, value)) return false;
    node.set(first, made);
    return true;
  }
  return there instanceof Map && insert(there as Map<string, unknown>, rest, value);
}

/** Maps as objects, those of numbers alone as lists in the order of the numbers. */
function toPlain(value: unknown): unknown {
  if (!(value instanceof Map)) return value;
  const entries = [...(value as Map<string, unknown>)];
  const isList = entries.every(([name]) => /^\d+$/.test(name) && Number(name) < MOST_ITEMS);
  if (isList && entries.length > 0)
    return entries.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, one]) => toPlain(one));
  return toObject(entries.map(([name, one]) => [name, toPlain(one)] as const));
}
