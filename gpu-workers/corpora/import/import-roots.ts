import { realpath } from "node:fs/promises";
import { delimiter, dirname, join, resolve, sep } from "node:path";
import { AppError } from "@/contracts/errors";

/** What the system shows as files: processes with their secrets, devices. Never imported, whatever is allowed. */
const SYSTEM_FOLDERS = ["/proc", "/sys", "/dev"];

/**
 * Folders of this machine that imports by path may read: `imports` in the worker's data folder, and those of
 * S3_IMPORT_ROOTS (`--import-root`). A run is launched by whoever uses the page, and the worker could read far more for
 * them than they should have.
 */
export function listImportRoots(
  dataDir: string,
  { S3_IMPORT_ROOTS }: Partial<NodeJS.ProcessEnv> = process.env,
): string[] {
  const given = S3_IMPORT_ROOTS?.split(delimiter).filter((root) => root !== "") ?? [];
  return [join(dataDir, "imports"), ...given].map((root) => resolve(root));
}

const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);

/**
 * Where a path leads once all links are followed.
 * @throws AppError "unauthorized" where that is in none of the roots, with how to allow it
 */
export async function resolveImportPath(path: string, roots: readonly string[]): Promise<string> {
  // What does not exist is reported by whoever opens it, but only within the roots.
  const follow = (at: string): Promise<string> => realpath(at).catch(() => resolve(at));
  const [real, ...allowed] = await Promise.all([path, ...roots].map(follow));
  const isAllowed =
    allowed.some((root) => isWithin(real!, root)) &&
    !SYSTEM_FOLDERS.some((folder) => isWithin(real!, folder));
  if (isAllowed) return real!;
  const folder = dirname(resolve(path));
  throw new AppError(
    "unauthorized",
    `This worker does not import from ${path}${real === resolve(path) ? "" : " (a link out of the folders that are allowed)"}. It reads ${roots.join(", ")} only. Put the files there, upload them on the page, or allow their folder where the worker starts: S3_IMPORT_ROOTS=${folder} npm start, or npm run worker -- --import-root ${folder}.`,
  );
}
