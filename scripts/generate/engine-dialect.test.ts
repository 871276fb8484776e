import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import {
  engineOperations,
  operationRequestSchema,
  type EngineKind,
} from "@/contracts/engine/dialect";
import { generateEngineFiles } from "./engine-dialect";

interface Cases {
  bodies: { name: string; kind: EngineKind; valid: boolean; body: unknown }[];
  requests: { name: string; valid: boolean; request: unknown }[];
}
const cases = JSON.parse(
  readFileSync("gpu-workers/engine/tests/dialect_cases.json", "utf8"),
) as Cases;

it("regenerating changes nothing (npm run generate)", async () => {
  for (const [path, content] of await generateEngineFiles())
    expect(await readFile(path, "utf8"), path).toBe(content);
});

describe("the schemas take and refuse what the Python models do (tests/test_dialect.py)", () => {
  test.each(cases.bodies)("$kind: $name", ({ kind, body, valid }) => {
    expect(engineOperations[kind].body.safeParse(body).success).toBe(valid);
  });
  test.each(cases.requests)("request: $name", ({ request, valid }) => {
    expect(operationRequestSchema.safeParse(request).success).toBe(valid);
  });
});
