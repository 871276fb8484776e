import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const compress = promisify(brotliCompress);

/**
 * Writes `NAME.br` beside every script and style of a build, as small as brotli makes it: seconds for a build, far too
 * long for an answer. server/http/static-files.ts serves them.
 *
 * @param {string} folder
 */
export async function compressStaticFiles(folder) {
  const names = await readdir(folder, { recursive: true });
  const paths = names.filter((one) => /\.(?:js|css)$/.test(one)).map((one) => join(folder, one));
  // Together: zlib compresses on several threads.
  await Promise.all(paths.map(compressFile));
}

/** @param {string} path */
async function compressFile(path) {
  const content = await readFile(path);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  await writeFile(`${path}.br`, await compress(content, { params }));
}
