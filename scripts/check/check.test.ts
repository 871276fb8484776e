import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Linter } from "eslint";
import boundaries from "eslint-plugin-boundaries";
import tseslint from "typescript-eslint";
import { describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";
import { boundaryFiles, boundaryRule, boundarySettings } from "./boundaries.mjs";
import { nameRule, sqlPlaces, sqlRules } from "./restrictions.mjs";
import { typedLint } from "./steps.mjs";

interface Verdict {
  status: number | null;
  output: string;
}

function runNode(...args: string[]): Verdict {
  const result = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}

/** What dependency-cruiser says of some files, by the rules of this repository. */
const findArrows = (...paths: string[]): Verdict =>
  runNode(
    "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
    "--config",
    ".dependency-cruiser.json",
    ...paths,
  );

describe("circles", () => {
  it("are refused where two files import only types of each other", () => {
    const { status, output } = findArrows("scripts/check/fixtures/circle");
    expect(status).not.toBe(0);
    expect(output).toContain("no-circle");
    expect(output).toContain("scripts/check/fixtures/circle/second.ts");
  });

  it("are not seen where there are none", () => {
    expect(findArrows("contracts/errors.ts").status).toBe(0);
  });
});

describe("two folders that import each other", () => {
  const findPairs = (...folders: string[]): Verdict =>
    runNode("scripts/check/folder-pairs.mjs", ...folders);

  it("are refused where one is in the other, no file imports one that imports it, and all are types", () => {
    const { status, output } = findPairs("scripts/check/fixtures/pair");
    expect(status).toBe(1);
    expect(output).toContain("scripts/check/fixtures/pair/whole.ts imports");
    expect(output).toContain("scripts/check/fixtures/pair/part/part.ts imports");
    expect(findArrows("scripts/check/fixtures/pair").status).toBe(0);
  });

  it("are not seen where files of one folder do, or tests", () => {
    expect(findPairs("scripts/check/fixtures/circle").status).toBe(0);
    expect(findPairs("contracts", "lib").status).toBe(0);
  });

  it("are meant where procedures stand in their feature", () => {
    expect(findPairs("server/features/live", "server/trpc")).toEqual({ status: 0, output: "" });
  });
});

describe("rules that need types", () => {
  it("refuse a promise that nobody waits for", () => {
    const { status, output } = runNode(...typedLint.slice(1), "scripts/check/fixtures/promise");
    expect(status).not.toBe(0);
    expect(output).toContain("no-floating-promises");
  });
});

describe("layers", () => {
  const linter = new Linter({ cwd: ROOT });
  const lint = (file: string, code: string): string[] =>
    linter
      .verify(
        code,
        [
          {
            files: boundaryFiles,
            languageOptions: { parser: tseslint.parser },
            plugins: {
              boundaries: boundaries as unknown as NonNullable<Linter.Config["plugins"]>[string],
            },
            settings: {
              ...boundarySettings,
              "import/resolver": {
                typescript: { alwaysTryTypes: true, project: join(ROOT, "tsconfig.json") },
              },
            },
            rules: { "boundaries/dependencies": boundaryRule },
          },
        ],
        { filename: join(ROOT, file) },
      )
      .map(({ message }) => message);

  it.each([
    ["app/page.tsx", `import { compose } from "@/server/compose";`],
    ["app/page.tsx", `import { appRouter } from "@/server/trpc/router";`],
    ["app/page.tsx", `import { ROOT } from "@/lib/paths.mjs";`],
    ["cli/main.ts", `import { runWorker } from "@/gpu-workers/agent/run-worker";`],
    ["server/features/runs/runs.ts", `import { router } from "@/server/trpc/trpc";`],
    ["server/features/runs/runs.ts", `import { readBody } from "@/server/http/request-body";`],
    ["server/features/runs/router.ts", `import { readBody } from "@/server/http/request-body";`],
    ["server/platform/db/pool.ts", `import { Runs } from "@/server/features/runs/runs";`],
    ["server/main.ts", `import { Agent } from "@/gpu-workers/agent/agent";`],
    ["server/main.ts", `import type { Agent } from "../gpu-workers/agent/agent";`],
    ["gpu-workers/agent/agent.ts", `import { compose } from "@/server/compose";`],
    ["core/run/settings.ts", `import { ROOT } from "@/lib/paths.mjs";`],
    ["contracts/errors.ts", `import { METRICS } from "@/core/metrics/metrics";`],
    ["lib/retry.ts", `import { AppError } from "@/contracts/errors";`],
    ["lib/lock.mjs", `import { parseVersion } from "../scripts/setup/machine.mjs";`],
    ["gpu-workers/llm/x.mjs", `import { listSteps } from "../../scripts/setup/steps.mjs";`],
    ["gpu-workers/llm/x.ts", `import { runEpisodes } from "@/gpu-workers/searcher/episode";`],
    ["gpu-workers/searcher/x.ts", `export * from "@/gpu-workers/rl/reward";`],
    [
      "gpu-workers/retrieval/corpus/x.ts",
      `import("@/gpu-workers/retrieval/service/retrieve-service");`,
    ],
    ["gpu-workers/runtime/x.ts", `import type { X } from "@/gpu-workers/corpora/corpus-report";`],
  ])("refuse in %s: %s", (file, code) => {
    expect(lint(file, code)).toHaveLength(1);
  });

  it.each([
    ["app/page.tsx", `import type { AppRouter } from "@/server/trpc/router";`],
    ["app/page.tsx", `import { AppError } from "@/contracts/errors";`],
    ["app/page.tsx", `import { METRICS } from "@/core/metrics/metrics";`],
    ["server/main.ts", `import { ROOT } from "@/lib/paths.mjs";`],
    ["server/main.ts", `import { createHttpServer } from "./http/server";`],
    ["server/features/runs/router.ts", `import { router } from "@/server/trpc/trpc";`],
    ["server/http/server.ts", `import type { Services } from "@/server/trpc/services";`],
    ["gpu-workers/agent/agent.ts", `import { loadTokenizer } from "@/gpu-workers/llm/tokenizer";`],
    [
      "gpu-workers/searcher/x.ts",
      `import type { Retriever } from "@/gpu-workers/retrieval/retriever";`,
    ],
    [
      "gpu-workers/retrieval/service/x.ts",
      `import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";`,
    ],
    ["gpu-workers/agent/agent.test.ts", `import { compose } from "@/server/compose";`],
    ["gpu-workers/llm/x.mjs", `import { ROOT } from "../../lib/paths.mjs";`],
    ["scripts/setup.mjs", `import { ROOT } from "../lib/paths.mjs";`],
    ["bench/main.ts", `import { compose } from "@/server/compose";`],
  ])("allow in %s: %s", (file, code) => {
    expect(lint(file, code)).toEqual([]);
  });
});

/** What rules say of a file's code. */
function lintBy(config: Linter.Config, file: string, code: string): string[] {
  return new Linter({ cwd: ROOT })
    .verify(code, [{ files: ["**/*.ts"], languageOptions: { parser: tseslint.parser } }, config], {
      filename: join(ROOT, file),
    })
    .map(({ message }) => message);
}

describe("names", () => {
  const lint = (code: string): string[] =>
    lintBy({ files: ["**/*.ts"], rules: { "no-restricted-syntax": nameRule } }, "lib/x.ts", code);

  it.each([
    `function stateOf() {}`,
    `export async function stateOf() {}`,
    `const stateOf = (run: Run): string => run.state;`,
    `const stateOf = async function () {};`,
    `class Runs { stateOf(): void {} }`,
    `class Runs { private readonly stateOf = () => 1; }`,
  ])("of functions that begin with no verb are refused: %s", (code) => {
    expect(lint(code)).toEqual([expect.stringContaining("begins with a verb")]);
  });

  it.each([
    `function readState() {}`,
    `const { indexOf } = text; text.indexOf("a");`,
    `const of = (id: string) => id;`,
    `const episodesOf = "id";`,
    `const isOfRun = () => true;`,
  ])("of others are not: %s", (code) => expect(lint(code)).toEqual([]));

  it.each([
    `const secret = z.string();`,
    `export const label = z.string().trim().min(1).max(120).regex(/^a/);`,
    `function read() { const day: z.ZodType = z.iso.datetime(); }`,
  ])("of schemas that do not say so are refused: %s", (code) => {
    expect(lint(code)).toEqual([expect.stringContaining("ends in Schema")]);
  });

  it.each([
    `const secretSchema = z.string().max(9); const schema = z.iso.datetime();`,
    `const place = z.object({ id: z.uuid() }).safeParse(value);`,
    `const isOwner = z.uuid().safeParse(id).success;`,
    `const json = z.toJSONSchema(schema); const registry = z.registry<{ id: string }>();`,
    `const createHexSchema = (length: number) => z.string().length(length);`,
    `const most = z.reduce((a, b) => Math.max(a, b), -Infinity);`,
  ])("of what is no schema are not: %s", (code) => expect(lint(code)).toEqual([]));
});

describe("SQL", () => {
  const lint = (file: string, code: string): string[] =>
    lintBy({ ...sqlPlaces, rules: sqlRules }, file, code);
  const STATEMENTS = `import { queryRows, sql } from "@/server/platform/db/query";`;

  it.each([
    ["server/features/runs/runs.ts", STATEMENTS],
    ["server/features/runs/router.ts", `import { queryRow } from "../../platform/db/query";`],
    ["server/features/runs/runs.ts", "await tx.db.$executeRaw`DELETE FROM runs`;"],
    ["server/features/runs/runs.ts", "await this.database.db.$queryRaw`SELECT 1`;"],
    ["server/features/runs/runs.ts", `await db.$executeRawUnsafe("DELETE FROM runs");`],
    ["server/features/runs/runs.ts", `await db["$queryRawUnsafe"]("SELECT 1");`],
    ["server/features/runs/runs.ts", "const { $queryRaw: ask } = db; await ask`SELECT 1`;"],
    ["server/features/runs/runs.ts", `await database.runPrepared({ text: "SELECT 1" }, schema);`],
    ["server/features/runs/runs.ts", `import pg from "pg";`],
    ["server/features/runs/runs.ts", `import { createPool } from "@/server/platform/db/pool";`],
    ["server/http/server.ts", "await db.$queryRaw`SELECT 1`;"],
    ["server/compose.ts", STATEMENTS],
  ])("is refused in %s: %s", (file, code) => expect(lint(file, code)).not.toEqual([]));

  it("is no reason to allow other names", () =>
    expect(lint("server/features/runs/runs.ts", "function stateOf() {}")).toEqual([
      expect.stringContaining("begins with a verb"),
    ]));

  it.each([
    ["server/features/runs/queries.ts", STATEMENTS],
    ["server/features/runs/list-queries.ts", STATEMENTS],
    ["server/features/runs/setting-sql.ts", STATEMENTS],
    ["server/features/runs/runs.integration.test.ts", STATEMENTS],
    ["server/features/runs/runs.ts", `import type { Sql } from "@/server/platform/db/query";`],
    ["server/platform/maintenance/loop.ts", STATEMENTS],
    ["server/features/runs/queries.ts", "await db.$executeRaw`DELETE FROM runs`;"],
    ["server/features/runs/runs.integration.test.ts", "await db.$queryRaw`SELECT 1`;"],
    ["server/platform/db/database.ts", "await this.db.$queryRaw`SELECT 1`;"],
    ["server/features/runs/runs.ts", "await db.run.deleteMany({ where: { id } });"],
    ["server/features/runs/router.ts", "procedure.query(({ ctx }) => ctx.services.runs.list());"],
  ])("is allowed in %s: %s", (file, code) => expect(lint(file, code)).toEqual([]));
});
