import fc from "fast-check";
import { z } from "zod";

/** The part of JSON Schema that zod writes. */
interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
}

/** Values that programs stumble over. */
const HOSTILE: readonly unknown[] = [
  "a\u0000b",
  "\ud800",
  "\udc00x",
  "",
  "constructor",
  "__proto__",
  "9".repeat(30),
  "-1",
  "%_\\'\";--",
  "x".repeat(5_000),
  "2026-99-99T00:00:00Z",
  '["a","b"]',
  "../../etc/passwd",
  "😀",
  0,
  -1,
  0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 63,
  -(2 ** 53) + 1,
  1e308,
  null,
  true,
  [],
  {},
  [[]],
  { constructor: 1 },
  { "a\u0000": "\ud800" },
];

/** Names that the system under test knows, so that inputs get further than "there is no such thing". */
export interface KnownNames {
  uuids: readonly string[];
  texts: readonly string[];
}

/**
 * Inputs as a schema allows them, of which about every second has hostile values in some places: what a client that is
 * broken, old or ill-meaning sends.
 */
export function createHostileInputs(schema: z.ZodType, known: KnownNames): fc.Arbitrary<unknown> {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return fc.oneof(createInputs(root, known, 0), createInputs(root, known, 1));
}

/** @param hostility weight of a hostile value at each place, of 15 */
function createInputs(
  root: JsonSchema,
  known: KnownNames,
  hostility: number,
): fc.Arbitrary<unknown> {
  const hostile = fc.constantFrom(...HOSTILE);
  const rarely = (usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 14, arbitrary: usual }, { weight: hostility, arbitrary: hostile });

  const fromString = (json: JsonSchema): fc.Arbitrary<unknown> => {
    if (json.format === "uuid") return fc.oneof(fc.constantFrom(...known.uuids), fc.uuid());
    const maxLength = Math.min(json.maxLength ?? 40, 40);
    const minLength = Math.min(json.minLength ?? 0, maxLength);
    return fc.oneof(
      fc.constantFrom(...known.texts),
      fc.string({ unit: "grapheme", minLength, maxLength }),
      fc.nat(10 ** 6).map(String),
    );
  };
  const fromNumber = (json: JsonSchema): fc.Arbitrary<unknown> => {
    const min = json.minimum ?? -5;
    const max = Math.max(min, Math.min(json.maximum ?? min + 100, min + 1_000));
    return json.type === "integer"
      ? fc.integer({ min: Math.ceil(min), max: Math.floor(max) })
      : fc.integer({ min: 0, max: 1_000 }).map((share) => min + ((max - min) * share) / 1_000);
  };
  const fromArray = (json: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    if (json.prefixItems) return fc.tuple(...json.prefixItems.map((item) => from(item, depth + 1)));
    const minLength = Math.min(json.minItems ?? 0, 50);
    return fc.array(from(json.items ?? {}, depth + 1), {
      minLength,
      maxLength: Math.max(minLength, Math.min(json.maxItems ?? 3, 3)),
    });
  };
  const fromObject = (json: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    const required = new Set(json.required);
    if (json.properties)
      return fc.record(
        Object.fromEntries(
          Object.entries(json.properties).map(([name, item]) => [name, from(item, depth + 1)]),
        ),
        { requiredKeys: [...required], noNullPrototype: true },
      );
    const { additionalProperties: values } = json;
    return fc.dictionary(
      from(json.propertyNames ?? { type: "string" }, depth + 1).map(String),
      from(typeof values === "object" ? values : {}, depth + 1),
      { maxKeys: 3, noNullPrototype: true },
    );
  };
  const fromType = (json: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    switch (json.type) {
      case "string":
        return fromString(json);
      case "integer":
      case "number":
        return fromNumber(json);
      case "boolean":
        return fc.boolean();
      case "null":
        return fc.constant(null);
      case "array":
        return fromArray(json, depth);
      case "object":
        return fromObject(json, depth);
      case undefined:
      default:
        return fc.oneof(hostile, fc.constantFrom(...known.texts));
    }
  };
  const from = (json: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    if (depth > 12) return hostile;
    if (json.$ref) return fc.memo(() => from(resolve(json.$ref ?? ""), depth + 1))();
    if ("const" in json) return rarely(fc.constant(json.const));
    if (json.enum) return rarely(fc.constantFrom(...json.enum));
    const either = json.anyOf ?? json.oneOf;
    if (either) return rarely(fc.oneof(...either.map((item) => from(item, depth + 1))));
    if (json.allOf)
      return fc
        .tuple(...json.allOf.map((item) => from(item, depth + 1)))
        .map((parts) => Object.assign({}, ...(parts as object[])) as unknown);
    return rarely(fromType(json, depth));
  };
  const resolve = (ref: string): JsonSchema =>
    ref === "#" ? root : (root.$defs?.[ref.replace("#/$defs/", "")] ?? {});
  return from(root, 0);
}
