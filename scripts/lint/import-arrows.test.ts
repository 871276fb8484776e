import { Linter } from "eslint";
import { resolve } from "node:path";
import tseslint from "typescript-eslint";
import { describe, expect, it } from "vitest";
import { importArrows } from "./import-arrows.mjs";

const linter = new Linter({ cwd: resolve(".") });

/** Messages of the rule for one line of code in one file. */
function lint(file: string, code: string): string[] {
  const config = [
    {
      files: ["**/*.ts", "**/*.tsx"],
      languageOptions: { parser: tseslint.parser },
      plugins: { house: { rules: { "import-arrows": importArrows } } },
      rules: { "house/import-arrows": "error" },
    },
  ];
  return linter
    .verify(code, config as unknown as Linter.Config[], { filename: file })
    .map(({ message }) => message);
}

describe("the import rule", () => {
  it.each([
    ["app/page.tsx", `import { open } from "@/server/db/database";`],
    ["app/page.tsx", `import { open } from "../server/db/database";`],
    ["app/runs/page.tsx", `import type { Row } from "@/server/db/rows";`],
    ["app/page.tsx", `import { appRouter } from "@/server/api/router";`],
    ["app/page.tsx", `import { type AppRouter, appRouter } from "@/server/api/router";`],
    ["app/page.tsx", `import "@/server/api/router";`],
    ["app/page.tsx", `const engine = await import("@/gpu-workers/engine/client");`],
    ["app/page.tsx", "const engine = await import(`../gpu-workers/engine/client`);"],
    ["app/page.tsx", `type Row = import("@/server/db/rows").Row;`],
    ["server/main.ts", `import { encode } from "@/gpu-workers/retrieval/encoder";`],
    ["server/main.ts", `import Page from "../app/page";`],
    ["server/main.ts", `export { run } from "../gpu-workers/agent/main";`],
    ["server/main.ts", `export * from "../gpu-workers/agent/main";`],
    ["server/main.ts", `const x = require("../gpu-workers/agent/main");`],
    ["gpu-workers/agent/main.ts", `import { runs } from "../../server/runs/runs";`],
    ["gpu-workers/agent/main.ts", `import type { Runs } from "@/server/runs/runs";`],
    ["contracts/episode.ts", `import { runs } from "@/server/runs/runs";`],
    ["contracts/episode.ts", `import { build } from "../scripts/setup/atlas.mjs";`],
  ])("reports in %s: %s", (file, code) => {
    expect(lint(file, code)).toHaveLength(1);
    expect(lint(file, code)[0]).toMatch(/must not import/);
  });

  it.each([
    ["app/page.tsx", `import type { AppRouter } from "@/server/api/router";`],
    ["app/page.tsx", `import { type AppRouter } from "../server/api/router";`],
    ["app/page.tsx", `import { episode } from "@/contracts/episode";`],
    ["app/page.tsx", `import { Button } from "./_ui/button";`],
    ["app/page.tsx", `import React from "react";`],
    ["server/main.ts", `import { PrismaClient } from "./db/generated/client";`],
    ["gpu-workers/agent/main.ts", `import { PYTHON } from "@/contracts/paths";`],
    [
      "bench/main.ts",
      `import { runs } from "@/server/runs/runs"; import { encode } from "@/gpu-workers/retrieval/encoder";`,
    ],
  ])("accepts in %s: %s", (file, code) => {
    expect(lint(file, code)).toEqual([]);
  });
});
