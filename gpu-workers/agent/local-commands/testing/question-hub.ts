import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { parquetWriteBuffer } from "hyparquet-writer";
import { QUESTION_PRESETS } from "@/core/presets/question-presets";
import { listenLocally } from "@/lib/testing/listen-locally";

/** Upstream's rows: numbered from 0 in each data set, with a prompt that holds the documents found first. */
function buildUpstreamFile(sources: string[], promptLength = 20): Buffer {
  const rows = sources.flatMap((source) => [0, 1].map((index) => ({ source, index })));
  // Text that does not compress, so that the file is long enough to be cut.
  const documents = (of: string): string =>
    Array.from({ length: promptLength }, (_, i) =>
      createHash("sha256").update(`${of} ${i}`).digest("hex"),
    ).join(" ");
  return Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: "data_source", data: rows.map(({ source }) => source), type: "STRING" },
        {
          name: "prompt",
          data: rows.map(({ source, index }) => [
            { role: "user", content: `${documents(`${source} ${index}`)}` },
          ]),
          type: "JSON",
        },
        { name: "ability", data: rows.map(() => "fact-reasoning"), type: "STRING" },
        {
          name: "reward_model",
          data: rows.map(({ source, index }) => ({
            style: "rule",
            ground_truth: { question: `${source} ${index}?`, target: [`${source} answer`] },
          })),
          type: "JSON",
        },
        {
          name: "extra_info",
          data: rows.map(({ index }) => ({ split: "train", index })),
          type: "JSON",
        },
      ],
    }),
  );
}

export const QUESTION_PRESET = QUESTION_PRESETS["s3-processed-data"];
const { dataset } = QUESTION_PRESET.files;

/** The files that the hub holds, by name. */
export const QUESTION_FILES: Readonly<Record<string, Buffer>> = {
  "train_e5_s3.parquet": buildUpstreamFile(["nq", "hotpotqa"], 3_000),
  "mirage_wiki_test.parquet": buildUpstreamFile(["medqa"]),
};

/** A hub on this machine with upstream's question files; HF_ENDPOINT names it while it runs. */
export class QuestionHub {
  /** Path and range of each request. */
  readonly requests: string[] = [];
  /** Bytes after which the next answer of the training rows breaks off. */
  cutAfter: number | null = null;
  /** Whether the list of files names another checksum. */
  wrongChecksum = false;

  private constructor(
    private readonly server: Server,
    readonly endpoint: string,
  ) {}

  static async start(): Promise<QuestionHub> {
    const server = createServer();
    const address = await listenLocally(server);
    const hub = new QuestionHub(server, address);
    server.on("request", (request, response) => hub.answer(request, response));
    process.env.HF_ENDPOINT = hub.endpoint;
    return hub;
  }

  async stop(): Promise<void> {
    delete process.env.HF_ENDPOINT;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    this.requests.push(`${path} ${request.headers.range ?? ""}`.trim());
    if (path.startsWith(`/api/datasets/${dataset}/tree/main`))
      return void response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(this.listFiles()));
    const name = Object.keys(QUESTION_FILES).find(
      (known) => path === `/datasets/${dataset}/resolve/main/${known}`,
    );
    const body = QUESTION_FILES[name ?? ""];
    if (name === undefined || !body) return void response.writeHead(404).end();
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const start =
      range !== undefined && request.headers["if-range"] === `"${name}"` ? Number(range) : 0;
    const rest = body.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      etag: `"${name}"`,
      "content-length": rest.length,
      ...(start > 0 && { "content-range": `bytes ${start}-${body.length - 1}/${body.length}` }),
    });
    if (this.cutAfter === null || !name.startsWith("train")) return void response.end(rest);
    response.write(rest.subarray(0, this.cutAfter), () =>
      setTimeout(() => response.destroy(), 150),
    );
    this.cutAfter = null;
  }

  private listFiles(): object[] {
    const files = Object.entries(QUESTION_FILES).map(([name, bytes]) => ({
      type: "file",
      path: name,
      size: bytes.length,
      lfs: {
        oid: this.wrongChecksum ? "0".repeat(64) : createHash("sha256").update(bytes).digest("hex"),
        size: bytes.length,
      },
    }));
    return [{ type: "file", path: "README.md", size: 3 }, ...files];
  }
}
