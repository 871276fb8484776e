import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { SharedAnswers } from "@/server/features/metrics/shared-answers";
import { appRouter } from "@/server/trpc/router";
import type { ApiContext } from "@/server/trpc/trpc";

/**
 * What the tabs of a run ask for after each of its events. All of it is read from the database alone, so that while
 * nothing was committed there is one answer.
 */
const SHARED_PROCEDURES = new Set([
  "metrics.seriesOfRuns",
  "metrics.series",
  "metrics.names",
  "runs.get",
  "runs.learning",
  "runs.history",
  "runs.checkpoints",
  "alarms.list",
]);
/** Nothing is told of the passing of time, which some answers show. */
const KEEP_MS = 500;
const MOST = 200;
/** Smaller ones are not worth it. */
const COMPRESSED_FROM = 1024;
const QUALITY = 4;

type Encoding = "br" | "gzip" | null;

interface SharedAnswer {
  status: number;
  headers: [string, string][];
  body: Buffer;
}

const compressBy = { br: promisify(brotliCompress), gzip: promisify(gzip) };

/**
 * Answers that many tabs ask for with the same address after the same event: read, written as JSON and compressed once.
 * Whoever asks after a commit that it was told of gets an answer that was begun after that commit.
 */
export class SharedReads {
  private readonly answers = new SharedAnswers<SharedAnswer>(KEEP_MS, MOST);

  constructor(
    private readonly options: {
      maxBatchSize: number;
      onError: (failure: { error: Error & { code?: string }; path?: string | undefined }) => void;
    },
  ) {}

  /** True for a batch of nothing but reads that are shared. */
  canServe(request: IncomingMessage, pathname: string): boolean {
    return (
      request.method === "GET" &&
      request.headers["trpc-accept"] === undefined &&
      pathname
        .slice("/trpc/".length)
        .split(",")
        .every((procedure) => SHARED_PROCEDURES.has(procedure))
    );
  }

  /** @param state what has been committed: an answer is shared while it is the same */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    { state, context }: { state: string; context: ApiContext },
  ): Promise<void> {
    const encoding = chooseEncoding(request.headers["accept-encoding"]);
    const key = JSON.stringify([state, context.actor, encoding, request.url]);
    const { status, headers, body } = await this.answers.get(key, () =>
      this.answer(request.url!, encoding, context),
    );
    for (const [name, value] of headers) response.setHeader(name, value);
    response.writeHead(status).end(body);
  }

  private async answer(
    url: string,
    encoding: Encoding,
    context: ApiContext,
  ): Promise<SharedAnswer> {
    const answer = await fetchRequestHandler({
      ...this.options,
      router: appRouter,
      endpoint: "/trpc",
      req: new Request(new URL(url, "http://localhost")),
      createContext: () => context,
    });
    const text = Buffer.from(await answer.arrayBuffer());
    const isCompressed = encoding !== null && text.length >= COMPRESSED_FROM;
    const body = isCompressed ? await compress(text, encoding) : text;
    const headers = new Headers(answer.headers);
    headers.append("vary", "accept-encoding");
    headers.set("content-length", String(body.length));
    if (isCompressed) headers.set("content-encoding", encoding);
    return { status: answer.status, headers: [...headers], body };
  }
}

const compress = (text: Buffer, encoding: "br" | "gzip"): Promise<Buffer> =>
  encoding === "br"
    ? compressBy.br(text, { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY } })
    : compressBy.gzip(text);

function chooseEncoding(accepted: IncomingMessage["headers"]["accept-encoding"]): Encoding {
  const names = String(accepted ?? "")
    .split(",")
    .map((part) => part.trim().toLowerCase())
    .filter((part) => !/;\s*q=0(?:\.0*)?$/.test(part))
    .map((part) => part.split(";")[0]);
  return names.includes("br") ? "br" : names.includes("gzip") ? "gzip" : null;
}
