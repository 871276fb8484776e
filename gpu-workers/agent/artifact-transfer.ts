import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError, wireErrorSchema } from "@/contracts/errors";
import { artifactFileSchema, type ArtifactManifest } from "@/contracts/worker-protocol/artifacts";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { download } from "@/gpu-workers/runtime/download";
import { hasErrorCode } from "@/lib/errors";
import { hashFile, HashingStream } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";
import { retry, waitInTurn } from "@/lib/retry";

export type ArtifactFile = ArtifactManifest["files"][number];

export interface ArtifactTransferOptions {
  /** Base URL of the server, http(s). */
  server: string;
  token: string;
  /** Pauses before a transfer that broke is tried again. */
  retryPausesMs?: readonly number[];
}

const DEFAULT_PAUSES_MS = [500, 2_000, 5_000];
/** A peer that moves no byte for this long is gone. */
const SILENCE_MS = 60_000;

/** Lists the files of a flat folder with size and hash, in the order of their names. */
async function listCheckpointFiles(directory: string): Promise<ArtifactFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files: ArtifactFile[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isFile() || !artifactFileSchema.shape.name.safeParse(entry.name).success)
      throw new AppError(
        "invalid-input",
        `A checkpoint is a flat folder of files with plain names; "${entry.name}" is not one.`,
      );
    const path = join(directory, entry.name);
    files.push({ name: entry.name, bytes: (await stat(path)).size, sha256: await hashFile(path) });
  }
  if (files.length === 0)
    throw new AppError("invalid-input", "A checkpoint without files cannot be stored.");
  return files;
}

/** The artifact side of the protocol: bytes over HTTP, checked by sha256 in both directions. */
export class ArtifactTransfer {
  constructor(private readonly options: ArtifactTransferOptions) {}

  /**
   * Uploads every file of a folder under a new artifact id; it becomes visible only by commitArtifact.
   * @throws AppError `storage-full`, `stale-attempt`, or `internal` where the transfer keeps breaking.
   */
  async upload(
    attempt: AttemptRef,
    directory: string,
    signal: AbortSignal,
  ): Promise<{ id: string; files: ArtifactFile[] }> {
    const id = randomUUID();
    const files = await listCheckpointFiles(directory);
    for (const file of files) {
      const buildFileUrl = this.url(id, file.name);
      buildFileUrl.searchParams.set("runId", attempt.runId);
      buildFileUrl.searchParams.set("attempt", String(attempt.attempt));
      await this.transfer(`Uploading ${file.name}`, signal, () =>
        this.put(buildFileUrl, join(directory, file.name), file, signal),
      );
    }
    return { id, files };
  }

  /** Downloads the files of an artifact into a folder, which is made. Each must have the size and hash it was stored with. */
  async download(
    artifactId: string,
    files: readonly ArtifactFile[],
    directory: string,
    signal: AbortSignal,
  ): Promise<void> {
    await mkdir(directory, { recursive: true });
    for (const file of files)
      await this.transfer(`Downloading ${file.name}`, signal, () =>
        this.get(this.url(artifactId, file.name), join(directory, file.name), file, signal),
      );
  }

  /** Downloads a file that a person uploaded; what is here already of it is not sent again. */
  async fetchUpload(
    upload: string,
    path: string,
    signal: AbortSignal,
    onProgress: (done: number, total: number | null) => void,
  ): Promise<void> {
    const byHand = "Look whether the server is up, then resume the run.";
    await download({
      url: this.resolveUrl(`worker/uploads/${upload}`).toString(),
      headers: { authorization: `Bearer ${this.options.token}` },
      path,
      sha256: null,
      byHand,
      signal,
      onProgress,
      pausesMs: this.options.retryPausesMs,
    });
  }

  private url(artifactId: string, file: string): URL {
    return this.resolveUrl(`worker/artifacts/${artifactId}/${file}`);
  }

  private resolveUrl(path: string): URL {
    return new URL(
      path,
      this.options.server.endsWith("/") ? this.options.server : `${this.options.server}/`,
    );
  }

  private request(
    url: URL,
    method: "GET" | "PUT",
    headers: Record<string, string>,
    signal: AbortSignal,
  ): http.ClientRequest {
    const send = url.protocol === "https:" ? https.request : http.request;
    const request = send(url, {
      method,
      signal,
      headers: { ...headers, authorization: `Bearer ${this.options.token}` },
    });
    request.setTimeout(SILENCE_MS, () =>
      request.destroy(new Error(`no byte for ${SILENCE_MS / 1000} s`)),
    );
    return request;
  }

  private async put(
    url: URL,
    path: string,
    file: ArtifactFile,
    signal: AbortSignal,
  ): Promise<void> {
    const request = this.request(
      url,
      "PUT",
      {
        "content-type": "application/octet-stream",
        "content-length": String(file.bytes),
        "x-sha256": file.sha256,
      },
      signal,
    );
    const answered = waitForResponse(request);
    // A broken transfer also rejects `answered`, and a server that refuses early has answered before the pipe breaks.
    pipeline(createReadStream(path), request).catch(() => undefined);
    const response = await answered;
    const text = await readBody(response);
    if (isSuccess(response)) return;
    request.destroy(); // the server wants no more of it
    throw buildRefusal(response, text);
  }

  private async get(
    url: URL,
    path: string,
    file: ArtifactFile,
    signal: AbortSignal,
  ): Promise<void> {
    const request = this.request(url, "GET", {}, signal);
    request.end();
    const response = await waitForResponse(request);
    if (!isSuccess(response)) throw buildRefusal(response, await readBody(response));
    const received = new HashingStream();
    try {
      await pipeline(response, received, createWriteStream(path), { signal });
    } catch (error) {
      await rm(path, { force: true });
      if (hasErrorCode(error, "ENOSPC"))
        throw new AppError(
          "storage-full",
          `The worker's disk is full: ${file.name} of a checkpoint could not be written.`,
          { cause: error },
        );
      throw error;
    }
    const { bytes } = received;
    if (bytes !== file.bytes || received.digest() !== file.sha256) {
      await rm(path, { force: true });
      throw new Error(
        `${file.name} arrived with ${bytes} of ${file.bytes} bytes, or with another hash than it was stored with`,
      );
    }
  }

  /** Repeats what broke on the way, and for as long as the server's database is away; any other refusal is final. */
  private transfer(what: string, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    const inTurn = waitInTurn(this.options.retryPausesMs ?? DEFAULT_PAUSES_MS);
    return retry(act, {
      backoff: (failures, error) => (isUnavailable(error) ? 1_000 : inTurn(failures, error)),
      signal,
      shouldRetry: (error) => !(error instanceof AppError) || isUnavailable(error),
      buildGiveUpError: (error, attempts) =>
        new AppError("internal", `${what} failed ${attempts} times: ${(error as Error).message}`, {
          cause: error,
        }),
    });
  }
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof AppError && error.code === "database-unavailable";

function waitForResponse(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of Readable.from(response)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

const isSuccess = (response: http.IncomingMessage): boolean =>
  (response.statusCode ?? 0) >= 200 && (response.statusCode ?? 0) < 300;

/** The server's own reason where it gave one; a 5xx without one may pass and is an ordinary error. */
function buildRefusal(response: http.IncomingMessage, text: string): Error {
  const status = response.statusCode ?? 0;
  const parsed = wireErrorSchema.safeParse(parseJsonOrNull(text));
  if (parsed.success && parsed.data.code !== "internal")
    return new AppError(parsed.data.code, parsed.data.message);
  if (status === 507) return new AppError("storage-full", "The server's disk is full.");
  if (status === 409) return new AppError("stale-attempt", "The lease on this run is lost.");
  if (status === 401) return new AppError("unauthorized", "The server refuses this worker token.");
  if (status === 404) return new AppError("not-found", "The server has no such artifact file.");
  return new Error(`the server answered HTTP ${status}: ${text.slice(0, 200)}`);
}
