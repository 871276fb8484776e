import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError, type ErrorCode, wireErrorSchema } from "@/contracts/errors";
import { describeFetchError, hasErrorCode } from "@/lib/errors";
import { readFileSize } from "@/lib/files";
import { hashFile, hashGitBlob } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";
import { retry } from "@/lib/retry";
import { fetchGuarded } from "./guarded-fetch";

export interface DownloadOptions {
  url: string;
  headers?: Record<string, string>;
  /** Where the file goes; what has come so far lies beside it as PATH.part. */
  path: string;
  /** What the file must be; null where nobody said. */
  sha256: string | null;
  /** Git's id of the file as a blob, where that is what it must be. */
  gitBlob?: string;
  /** Said in an error: how to do without the network. */
  byHand: string;
  /** The error's code where the server cannot be reached; by default `not-found`. */
  unreachable?: ErrorCode;
  signal: AbortSignal;
  /** Bytes that are here, and in all where the server says so. */
  onProgress?: (done: number, total: number | null) => void;
  /** Pauses before a transfer that broke is taken up again; starts over whenever bytes have come. */
  pausesMs?: readonly number[];
  /** A server that sends no byte for this long is gone. */
  silenceMs?: number;
}

const PAUSES_MS = [1_000, 3_000, 10_000, 30_000];
const SILENCE_MS = 60_000;

/**
 * Fetches a file over HTTP. What was interrupted goes on where it stopped (Range, guarded by the entity tag, so that two
 * versions never mix), here and in a later attempt.
 *
 * @returns the sha256 of the file
 * @throws AppError "not-found", "unauthorized", "storage-full", or "invalid-input" for a file other than promised
 */
export async function download(options: DownloadOptions): Promise<string> {
  const { path, signal, byHand } = options;
  const pauses = options.pausesMs ?? PAUSES_MS;
  await mkdir(dirname(path), { recursive: true });
  if (await readFileSize(path)) {
    const { sha256, wrong } = await checkFile(path, options);
    if (wrong === null) return sha256;
    // Left by an earlier attempt and spoilt since, or of another checksum: kept, it would fail every attempt.
    await rm(path, { force: true });
  }
  let failuresSinceProgress = 0;
  const transferRest = async (): Promise<void> => {
    const before = await readFileSize(`${path}.part`);
    try {
      await transfer(options, before);
    } catch (error) {
      if ((await readFileSize(`${path}.part`)) > before) failuresSinceProgress = 0;
      throw error;
    }
  };
  await retry(transferRest, {
    backoff: () => pauses[failuresSinceProgress++] ?? null,
    signal,
    shouldRetry: (error) => !(error instanceof AppError),
    buildGiveUpError: (error) =>
      new AppError(
        options.unreachable ?? "not-found",
        `${new URL(options.url).host} cannot be reached from this worker, or breaks off again and again (${describeFetchError(error)}). ${byHand}`,
        { cause: error },
      ),
  });
  const { sha256, wrong } = await checkFile(`${path}.part`, options);
  if (wrong !== null) {
    await rm(`${path}.part`, { force: true });
    throw new AppError(
      "invalid-input",
      `${options.url} gave a file with ${wrong}. It was deleted. Either the file was changed there or the checksum is of another one.`,
    );
  }
  await rename(`${path}.part`, path);
  await rm(`${path}.tag`, { force: true });
  return sha256;
}

/** The sha256 of a file, and which checksum it has instead of the wanted one; null where it has that. */
async function checkFile(
  path: string,
  { sha256: wanted, gitBlob, signal }: DownloadOptions,
): Promise<{ sha256: string; wrong: string | null }> {
  const sha256 = await hashFile(path, signal);
  if (wanted !== null && sha256 !== wanted)
    return { sha256, wrong: `the sha256 ${sha256}, not ${wanted}` };
  const blob = gitBlob === undefined ? undefined : await hashGitBlob(path, signal);
  if (blob !== gitBlob)
    return { sha256, wrong: `git's blob id ${blob ?? ""}, not ${gitBlob ?? ""}` };
  return { sha256, wrong: null };
}

/**
 * Fetches the first bytes of a file, at once or not at all: what they are is for people to look at.
 * @throws AppError as `download` does
 */
export async function downloadBeginning(
  { url, path, byHand, signal, silenceMs = SILENCE_MS }: Omit<DownloadOptions, "sha256">,
  bytes: number,
): Promise<void> {
  const timeout = AbortSignal.timeout(silenceMs);
  try {
    const response = await fetchGuarded(
      url,
      { signal: AbortSignal.any([signal, timeout]) },
      { "accept-encoding": "identity", range: `bytes=0-${bytes - 1}` },
    );
    if (!response.ok || response.body === null) throw await buildRefusal(response, url, byHand);
    await mkdir(dirname(path), { recursive: true });
    // A server may send all, whatever was asked for.
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of response.body as AsyncIterable<Uint8Array>) {
      parts.push(part);
      length += part.length;
      if (length >= bytes) break;
    }
    await writeFile(path, Buffer.concat(parts).subarray(0, bytes));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw new AppError(
      "not-found",
      `${new URL(url).host} cannot be reached from this worker (${describeFetchError(error)}). ${byHand}`,
      { cause: error },
    );
  }
}

async function transfer(
  { url, headers, path, signal, byHand, onProgress, silenceMs = SILENCE_MS }: DownloadOptions,
  start: number,
): Promise<void> {
  const part = `${path}.part`;
  const tag = start > 0 ? await readFile(`${path}.tag`, "utf8").catch(() => "") : "";
  const silence = new AbortController();
  let timer = setTimeout(
    () => silence.abort(new Error(`no byte for ${silenceMs / 1000} s`)),
    silenceMs,
  );
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => silence.abort(new Error(`no byte for ${silenceMs / 1000} s`)),
      silenceMs,
    );
  };
  try {
    const resume = start > 0 && tag !== "";
    const response = await fetchGuarded(
      url,
      { headers, signal: AbortSignal.any([signal, silence.signal]) },
      {
        "accept-encoding": "identity",
        ...(resume ? { range: `bytes=${start}-`, "if-range": tag } : {}),
      },
    );
    if (response.status === 416) {
      // Nothing is left to send, or the file has become shorter: begin again.
      await response.body?.cancel();
      if (response.headers.get("content-range") === `bytes */${start}`) return;
      await rm(part, { force: true });
      throw new Error("the file has changed on the server");
    }
    if (!response.ok || response.body === null) throw await buildRefusal(response, url, byHand);
    const from = response.status === 206 ? start : 0;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isFinite(length) ? from + length : null;
    const etag = response.headers.get("etag");
    // Only a strong tag says that bytes are the same.
    if (from === 0)
      await (etag !== null && !etag.startsWith("W/")
        ? writeFile(`${path}.tag`, etag)
        : rm(`${path}.tag`, { force: true }));
    let done = from;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        done += chunk.length;
        alive();
        onProgress?.(done, total);
        next(null, chunk);
      },
    });
    await pipeline(
      Readable.fromWeb(response.body),
      count,
      createWriteStream(part, { flags: from > 0 ? "a" : "w" }),
    );
    if (total !== null && done !== total) throw new Error(`${done} of ${total} bytes came`);
  } catch (error) {
    if (hasErrorCode(error, "ENOSPC") || hasErrorCode(error, "EDQUOT"))
      throw new AppError(
        "storage-full",
        `The worker's disk is full: ${url} could not be stored. Make room and resume the run; it goes on where it stopped.`,
        { cause: error },
      );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What another try would not change is an AppError; the rest may pass. */
async function buildRefusal(
  response: Awaited<ReturnType<typeof fetchGuarded>>,
  url: string,
  byHand: string,
): Promise<Error> {
  const text = (await response.text().catch(() => "")).slice(0, 500);
  const { status } = response;
  const own = wireErrorSchema.safeParse(parseJsonOrNull(text));
  if (own.success && own.data.code !== "internal")
    return new AppError(own.data.code, own.data.message);
  if (status === 404 || status === 410)
    return new AppError("not-found", `There is nothing at ${url} (HTTP ${status}). ${byHand}`);
  if (status === 401 || status === 403)
    return new AppError(
      "unauthorized",
      `${url} is not given out to everyone (HTTP ${status}). ${byHand}`,
    );
  if (status >= 400 && status < 500 && status !== 408 && status !== 429)
    return new AppError("invalid-input", `${url} answered HTTP ${status}: ${text}`);
  return new Error(`HTTP ${status}: ${text}`);
}
