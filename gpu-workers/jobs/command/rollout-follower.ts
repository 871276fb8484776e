import { open, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";

interface FollowerOptions {
  folder: string;
  /** A folder that another follows; null: none. */
  except?: string | null;
  /** Where MLflow's API is on this machine. */
  address: string;
  /** What every piece is of: run_id, format, questions, corpus. */
  query: Record<string, string>;
  /** Told of what is refused, or cannot be sent. */
  onProblem: (message: string) => void;
}

/** How far a file was sent. */
interface Place {
  bytes: number;
  lines: number;
}

/** Bytes of a file that go in one request; a longer line alone. */
const PIECE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;
const REQUEST_MS = 120_000;
const MOST_NAMED = 5;
/** Answers after which the same piece may be taken later. */
const LATER = new Set([408, 429, 500, 502, 503, 504]);

const answerSchema = z.object({
  refused: z.array(z.object({ line: z.number(), reason: z.string() })),
});

/** Sends the whole lines of a folder's JSONL files while they are written, each once. */
export class RolloutFollower {
  private readonly places = new Map<string, Place>();
  private readonly stopping = new AbortController();
  private lastProblem = "";

  constructor(private readonly options: FollowerOptions) {}

  /** Sends what is new again and again, until `finish` or `stop`. Never throws. */
  async follow(pollMs: number, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.stopping.signal]);
    while (!ended.aborted) {
      await this.sendNew(false);
      await sleep(pollMs, undefined, { signal: ended }).catch(() => undefined);
    }
  }

  /** Ends the following and sends what is left, a last line without its end included. */
  async finish(): Promise<void> {
    this.stop();
    await this.sendNew(true);
  }

  stop(): void {
    this.stopping.abort();
  }

  private sending: Promise<void> = Promise.resolve();

  /** One round; the next begins when it is over. */
  private sendNew(isLast: boolean): Promise<void> {
    this.sending = this.sending.then(() =>
      this.sendAll(isLast).catch((error: unknown) =>
        this.tell(error instanceof Error ? error.message : String(error)),
      ),
    );
    return this.sending;
  }

  private async sendAll(isLast: boolean): Promise<void> {
    const { folder, except = null } = this.options;
    const isInside = (path: string, parent: string): boolean => path.startsWith(`${parent}${sep}`);
    for (const path of await listFiles(folder)) {
      if (except !== null && isInside(except, folder) && isInside(path, except)) continue;
      const name = relative(folder, path).split(sep).join("/");
      await this.beginAnew(path, name);
      for (;;) {
        const place = this.places.get(name) ?? { bytes: 0, lines: 0 };
        const piece = await readPiece(path, place.bytes, isLast);
        if (piece.length === 0) break;
        await this.send(name, place.lines, piece);
        const lines = piece.reduce((count, byte) => count + (byte === NEWLINE ? 1 : 0), 0);
        this.places.set(name, { bytes: place.bytes + piece.length, lines: place.lines + lines });
      }
    }
  }

  /** Goes back to the beginning of a file that was written anew since: where it was sent to, no line ends any more. */
  private async beginAnew(path: string, name: string): Promise<void> {
    const sent = this.places.get(name)?.bytes ?? 0;
    if (sent === 0 || (await endsLine(path, sent))) return;
    this.places.delete(name);
    this.tell(`${name} was written anew, and is sent from its beginning.`);
  }

  /** @throws where the piece is to be sent later */
  private async send(file: string, line: number, piece: Buffer): Promise<void> {
    const query = new URLSearchParams({ ...this.options.query, file, line: String(line) });
    const response = await fetch(`${this.options.address}/api/2.0/s3/rollouts?${query}`, {
      method: "POST",
      body: new Uint8Array(piece),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const text = await response.text();
    if (LATER.has(response.status))
      throw new AppError("internal", `Rollouts are not sent yet: ${text.slice(0, 300)}`);
    if (!response.ok) return this.tell(`Rollouts of ${file} are refused: ${text.slice(0, 500)}`);
    const { refused } = parseOrThrow(answerSchema, JSON.parse(text), "The answer to rollouts");
    if (refused.length > 0)
      this.tell(
        `Rollouts of ${file}: ${refused.length} lines are refused, e.g. ${refused
          .slice(0, MOST_NAMED)
          .map((one) => `line ${one.line}: ${one.reason}`)
          .join("; ")}`,
      );
  }

  /** Says a problem once, as long as it is the same. */
  private tell(message: string): void {
    if (message === this.lastProblem) return;
    this.lastProblem = message;
    this.options.onProblem(message);
  }
}

/** JSONL files below a folder, by their numbers: 2.jsonl comes before 10.jsonl. None where there is no folder yet. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".jsonl"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort(new Intl.Collator("en", { numeric: true }).compare);
}

/** Whether a line of a file ends right before a place. */
async function endsLine(path: string, place: number): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, place - 1);
    return bytesRead === 1 && buffer[0] === NEWLINE;
  } finally {
    await file.close();
  }
}

/** Whole lines behind a place; with `isLast` also one that has no end. */
async function readPiece(path: string, place: number, isLast: boolean): Promise<Buffer> {
  const file = await open(path);
  try {
    for (let size = PIECE_BYTES; ; size *= 2) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, place);
      const read = buffer.subarray(0, bytesRead);
      const end = read.lastIndexOf(NEWLINE) + 1;
      if (end > 0) return read.subarray(0, end);
      if (bytesRead < size) return isLast ? read : read.subarray(0, 0);
    }
  } finally {
    await file.close();
  }
}
