import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join, sep } from "node:path";
import { pipeline } from "node:stream/promises";

/** Where a build keeps scripts and styles, and the address at which pages ask for them. */
const PREFIX = "/_next/static/";
const TYPES: Readonly<Record<string, string>> = {
  js: "application/javascript; charset=UTF-8",
  css: "text/css; charset=UTF-8",
};

/** Headers of every answer that say something of documents only: some twenty scripts a page need not repeat them. */
const DOCUMENT_HEADERS = [
  "content-security-policy",
  "cross-origin-opener-policy",
  "referrer-policy",
  "x-frame-options",
];

/** A script or style of the build, compressed when it was built (scripts/setup/application.mjs). */
interface CompressedFile {
  path: string;
  type: string;
  bytes: number;
}

/** The compressed files of a build by their address. Only what is listed is ever served, whatever an address holds. */
export type StaticFiles = ReadonlyMap<string, CompressedFile>;

/**
 * Lists the scripts and styles of a build that have a `.br` beside them; none where the build was not compressed.
 *
 * @param folder what Next.js serves below /_next/static/
 */
export async function listStaticFiles(folder: string): Promise<StaticFiles> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files = new Map<string, CompressedFile>();
  for (const name of names) {
    const type = TYPES[/\.(js|css)\.br$/.exec(name)?.[1] ?? ""];
    if (type === undefined) continue;
    const path = join(folder, name);
    const address = name.slice(0, -".br".length).split(sep).join("/");
    files.set(PREFIX + address, { path, type, bytes: (await stat(path)).size });
  }
  return files;
}

/**
 * Serves a script or style as it was compressed at build: about an eighth smaller than what can be compressed while
 * someone waits. @returns false where it has to be answered otherwise
 */
export async function serveStaticFile(
  request: IncomingMessage,
  response: ServerResponse,
  pathname: string,
  files: StaticFiles,
): Promise<boolean> {
  const file = files.get(pathname);
  if (!file || request.method !== "GET" || !takesBrotli(request.headers["accept-encoding"]))
    return false;
  for (const name of DOCUMENT_HEADERS) response.removeHeader(name);
  response.writeHead(200, {
    "content-type": file.type,
    "content-encoding": "br",
    "content-length": file.bytes,
    // Its name holds a hash of its content.
    "cache-control": "public, max-age=31536000, immutable",
    vary: "Accept-Encoding",
  });
  // Whoever leaves before the end needs no more of it.
  await pipeline(createReadStream(file.path), response).catch(() => response.destroy());
  return true;
}

/** Whether a client names brotli without refusing it by a weight of 0. */
const takesBrotli = (accepted: string | string[] | undefined): boolean =>
  /(?:^|,)\s*br\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?:,|$)/i.test(
    String(accepted ?? ""),
  );
