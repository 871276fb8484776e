/**
 * Writes the engine's dialect for Python from contracts/engine/dialect.ts: JSON Schema, and from it pydantic models.
 *
 * datamodel-code-generator was tried for the second step. It wraps every constrained list item in a model of its own (a
 * token id would be an object), accepts null wherever a field has a default, and brings ten packages.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { z } from "zod";
import * as dialect from "@/contracts/engine/dialect";
import { renderPythonModels, type EngineSchema } from "./python-models";

const API = fileURLToPath(new URL("../../gpu-workers/engine/api/", import.meta.url));
const SCHEMA_FILE = resolve(API, "dialect.schema.json");
const PYTHON_FILE = resolve(API, "dialect.py");

/** Every exported schema of the dialect by its name: `lossConfigSchema` is `LossConfig`. */
function nameSchemas(): z.core.$ZodRegistry<{ id: string }> {
  const registry = z.registry<{ id: string }>();
  // A module's exports come in one order from Node and in another from a bundler.
  for (const name of Object.keys(dialect).sort()) {
    const value: unknown = dialect[name as keyof typeof dialect];
    if (!(value instanceof z.ZodType)) continue;
    const id = name.replace(/Schema$/, "");
    registry.add(value, { id: id.charAt(0).toUpperCase() + id.slice(1) });
  }
  return registry;
}

/** The dialect as JSON Schema: `$defs` by name, and for each operation the names of its body and its result. */
function buildEngineSchema(): EngineSchema {
  const registry = nameSchemas();
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    uri: (id) => `#/$defs/${id}`,
    override: ({ jsonSchema }) => {
      // zod bounds integers by what a JavaScript number holds exactly: no rule of the dialect.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  const definitions = Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [
    id,
    schema,
  ]);
  const getName = (schema: z.ZodType): string => registry.get(schema)!.id;
  const operations = Object.entries(dialect.engineOperations).map(
    ([kind, { body, result, mutates }]) => [
      kind,
      { body: getName(body), result: getName(result), mutates },
    ],
  );
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $comment: "Written by `npm run generate` from contracts/engine/dialect.ts: change that file.",
    operations: Object.fromEntries(operations) as EngineSchema["operations"],
    $defs: Object.fromEntries(definitions) as EngineSchema["$defs"],
  };
}

/** Contents of both generated files, by path. */
export async function generateEngineFiles(): Promise<Map<string, string>> {
  const schema = buildEngineSchema();
  const options = await resolveConfig(SCHEMA_FILE);
  const json = await format(JSON.stringify(schema), { ...options, filepath: SCHEMA_FILE });
  return new Map([
    [SCHEMA_FILE, json],
    [PYTHON_FILE, renderPythonModels(schema)],
  ]);
}
