import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CommandContext } from "@/cli/lib/context";
import { listenLocally } from "@/lib/testing/listen-locally";
import { addCorpusCommands } from "./corpus";

const TEXT = '{"id": "1", "contents": "Paris"}\n';
const SHA256 = createHash("sha256").update(TEXT).digest("hex");
const UPLOAD = "00000000-0000-4000-8000-000000000001";

/** What was sent to the server, and what was launched. */
const received: string[] = [];
const launched: unknown[] = [];
const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
  request.on("end", () => {
    received.push(body);
    const upload = { id: UPLOAD, bytes: body.length, sha256: SHA256, reused: false };
    response.writeHead(201).end(JSON.stringify(upload));
  });
});
let folder: string;
let context: CommandContext;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "corpus-command-"));
  await writeFile(join(folder, "corpus.jsonl"), TEXT);
  context = {
    server: await listenLocally(server),
    secret: null,
    headers: {},
    print: () => undefined,
    printJson: () => undefined,
    warn: () => undefined,
    client: {
      corpora: { findUpload: { query: () => Promise.resolve(null) } },
      runs: {
        launch: {
          mutate: ({ config }: { config: { source: unknown } }) => {
            launched.push(config.source);
            return Promise.resolve({ id: "run" });
          },
        },
      },
    } as unknown as CommandContext["client"],
  };
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

async function importCorpus(...words: string[]): Promise<void> {
  const program = new Command().exitOverride();
  addCorpusCommands(program, context);
  await program.parseAsync(["corpus", "import", ...words], { from: "user" });
}

describe("corpus import --sha256", () => {
  it("sends and imports a file that has it, in capitals, too", async () => {
    await importCorpus(join(folder, "corpus.jsonl"), "--sha256", SHA256.toUpperCase());
    expect(received.splice(0)).toEqual([TEXT]);
    expect(launched.splice(0)).toMatchObject([{ kind: "upload", upload: UPLOAD }]);
  });

  it.each([
    ["corpus.jsonl", "0".repeat(64), /corpus\.jsonl has the sha256 \w{64} and not 0{64}/],
    ["corpus.jsonl", SHA256.slice(1), /64 hexadecimal digits/],
    ["wiki-18", SHA256, /wiki-18 is checked by the checksums/],
  ])("sends and imports nothing where %s has another, or %s is none", async (name, sha256, why) => {
    const path = name === "wiki-18" ? name : join(folder, name);
    await expect(importCorpus(path, "--sha256", sha256)).rejects.toThrow(why);
    expect([received, launched]).toEqual([[], []]);
  });
});
