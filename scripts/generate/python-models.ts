/** Pydantic models from JSON Schema, as text that `ruff format` leaves as it is. Only what the engine's dialect uses. */

const WIDTH = 100;
const INDENT = "    ";

/** The part of JSON Schema that zod writes for the dialect. */
interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  enum?: string[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema | boolean;
  prefixItems?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
}

export interface EngineSchema {
  $schema: string;
  $comment: string;
  operations: Record<string, { body: string; result: string; mutates: boolean }>;
  $defs: Record<string, JsonSchema>;
}

const CONSTRAINTS: [keyof JsonSchema, string][] = [
  ["minimum", "ge"],
  ["exclusiveMinimum", "gt"],
  ["maximum", "le"],
  ["minLength", "min_length"],
  ["maxLength", "max_length"],
  ["minItems", "min_length"],
];
const SCALARS: Record<string, string> = {
  integer: "int",
  number: "float",
  string: "str",
  boolean: "bool",
  null: "None",
};

const readRef = (ref: string): string => ref.replace("#/$defs/", "");
const quote = (value: string): string => JSON.stringify(value);

/** `prefix` + opener + items + closer + suffix: in one line where that fits, else one item a line. */
function wrap(prefix: string, items: string[], suffix: string, indent = ""): string {
  const line = `${indent}${prefix}${items.join(", ")}${suffix}`;
  if (line.length <= WIDTH) return line;
  const rows = items.map((item) => `${indent}${INDENT}${item},`);
  return [`${indent}${prefix}`, ...rows, `${indent}${suffix}`].join("\n");
}

/** The type of a schema, without its default. */
function renderType(schema: JsonSchema): string {
  if (schema.prefixItems) {
    // JSON has no tuples, and a strict model takes no list for one.
    const items = schema.prefixItems.map(renderType).join(", ");
    return `Annotated[tuple[${items}], Field(strict=False)]`;
  }
  if (schema.$ref) return readRef(schema.$ref);
  if (schema.anyOf) return schema.anyOf.map(renderType).join(" | ");
  if (schema.enum) return `Literal[${schema.enum.map(quote).join(", ")}]`;
  if (Array.isArray(schema.type)) return schema.type.map((type) => SCALARS[type]).join(" | ");
  const bounds = CONSTRAINTS.filter(([key]) => schema[key] !== undefined).map(
    ([key, name]) => `${name}=${String(schema[key])}`,
  );
  const bare = renderBareType(schema);
  return bounds.length > 0 ? `Annotated[${bare}, Field(${bounds.join(", ")})]` : bare;
}

function renderBareType(schema: JsonSchema): string {
  const { type, items, additionalProperties } = schema;
  if (type === undefined) return "Any";
  if (type === "array" && typeof items === "object") return `list[${renderType(items)}]`;
  if (type === "object" && typeof additionalProperties === "object")
    return `dict[str, ${renderType(additionalProperties)}]`;
  const scalar = SCALARS[String(type)];
  if (!scalar) throw new Error(`no Python type for ${JSON.stringify(schema)}`);
  return scalar;
}

/** A default as Python; a list or an object is made anew for each model. */
function renderDefault(value: unknown, schema: JsonSchema): string {
  if (Array.isArray(value)) {
    if (schema.prefixItems) return `(${value.map((item) => renderDefault(item, {})).join(", ")})`;
    if (value.length === 0) return "Field(default_factory=list)";
    // The only other list of the dialect: every name of an enumeration.
    if (typeof schema.items !== "object" || !schema.items.$ref)
      throw new Error(`no Python default for ${JSON.stringify(schema)}`);
    return `Field(default_factory=lambda: list(get_args(${readRef(schema.items.$ref)})))`;
  }
  if (typeof value === "object" && value !== null)
    return `Field(default_factory=${schema.$ref ? readRef(schema.$ref) : "dict"})`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null) return "None";
  if (typeof value !== "number") return JSON.stringify(value);
  const isFloat = (schema.anyOf ?? [schema]).some(({ type }) => type === "number");
  return isFloat && Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function renderField(name: string, schema: JsonSchema, isRequired: boolean): string {
  const type = renderType(schema);
  if (isRequired) return `${INDENT}${name}: ${type}`;
  if (schema.default !== undefined) {
    const value = renderDefault(schema.default, schema);
    const line = `${INDENT}${name}: ${type} = ${value}`;
    if (line.length <= WIDTH) return line;
    const call = /^(Field\()(.*)\)$/.exec(value);
    if (!call) throw new Error(`a line is too long: ${line}`);
    return [
      `${INDENT}${name}: ${type} = ${call[1]}`,
      `${INDENT}${INDENT}${call[2]}`,
      `${INDENT})`,
    ].join("\n");
  }
  return `${INDENT}${name}: ${type.endsWith("None") ? type : `${type} | None`} = None`;
}

/** A named definition: a class for an object, an alias for anything else. */
function renderDefinition(name: string, schema: JsonSchema): string {
  if (schema.type !== "object")
    return wrap(`${name} = Literal[`, (schema.enum ?? []).map(quote), "]");
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(([field, part]) =>
    renderField(field, part, required.has(field)),
  );
  const config =
    schema.additionalProperties === false
      ? []
      : [`${INDENT}model_config = ConfigDict(extra="ignore")`];
  const gap = config.length > 0 && fields.length > 0 ? [""] : [];
  const body = [...config, ...gap, ...fields];
  return [`class ${name}(DialectModel):`, ...(body.length > 0 ? body : [`${INDENT}pass`])].join(
    "\n",
  );
}

/** Objects within objects get names of their own: `ratio` of ForwardBackwardResult is ForwardBackwardResultRatio. */
function nameInnerObjects(definitions: Record<string, JsonSchema>): Map<string, JsonSchema> {
  const named = new Map<string, JsonSchema>();
  const visit = (schema: JsonSchema, name: string): JsonSchema => {
    if (schema.type === "object" && schema.properties) {
      const properties = Object.entries(schema.properties).map(([field, part]) => [
        field,
        visit(part, name + field.charAt(0).toUpperCase() + field.slice(1)),
      ]);
      named.set(name, {
        ...schema,
        properties: Object.fromEntries(properties) as Record<string, JsonSchema>,
      });
      return { $ref: `#/$defs/${name}` };
    }
    if (typeof schema.items === "object") return { ...schema, items: visit(schema.items, name) };
    if (schema.anyOf) return { ...schema, anyOf: schema.anyOf.map((part) => visit(part, name)) };
    return schema;
  };
  for (const [name, schema] of Object.entries(definitions)) {
    if (schema.type === "object") visit(schema, name);
    else named.set(name, schema);
  }
  return named;
}

/** Names in an order in which each stands after those that it refers to. */
function sortByReference(definitions: Map<string, JsonSchema>): string[] {
  const sorted = new Set<string>();
  const add = (name: string): void => {
    if (sorted.has(name)) return;
    const text = JSON.stringify(definitions.get(name));
    for (const [, other] of text.matchAll(/#\/\$defs\/(\w+)/g)) add(other!);
    sorted.add(name);
  };
  for (const name of definitions.keys()) add(name);
  return [...sorted];
}

/** The whole Python file: enumerations, models, and the table of operations. */
export function renderPythonModels({ $defs, operations }: EngineSchema): string {
  const definitions = nameInnerObjects($defs);
  const names = sortByReference(definitions);
  const isModel = (name: string): boolean => definitions.get(name)!.type === "object";
  const render = (name: string): string => renderDefinition(name, definitions.get(name)!);
  const rows = Object.entries(operations).map(([kind, { body, result, mutates }]) =>
    wrap(
      `${quote(kind)}: OperationModels(`,
      [body, result, mutates ? "True" : "False"],
      "),",
      INDENT,
    ),
  );
  return [
    [
      '"""The bodies and results of the engine\'s operations as pydantic models.',
      "",
      "Written by `npm run generate` from dialect.schema.json; contracts/engine/dialect.ts says what each",
      "field means.",
      '"""',
      "",
      "from typing import Annotated, Any, Literal, NamedTuple, get_args",
      "",
      "from pydantic import ConfigDict, Field",
      "",
      "from .dialect_rules import DialectModel",
      "",
      names
        .filter((name) => !isModel(name))
        .map(render)
        .join("\n"),
    ].join("\n"),
    ...names.filter(isModel).map(render),
    [
      "class OperationModels(NamedTuple):",
      `${INDENT}body: type[DialectModel]`,
      `${INDENT}result: type[DialectModel]`,
      `${INDENT}mutates: bool`,
    ].join("\n"),
    ["OPERATIONS: dict[str, OperationModels] = {", ...rows, "}", ""].join("\n"),
  ].join("\n\n\n");
}
