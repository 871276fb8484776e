import { readUpstreamFolder, type UpstreamFolder } from "@/core/upstream/tables";

/** Reads the files of a folder; runs in a process of its own. */

export type ReadFolderRequest = Parameters<typeof readUpstreamFolder>[0];

export default async function* readFolder(
  files: ReadFolderRequest,
): AsyncGenerator<UpstreamFolder> {
  yield await Promise.resolve(readUpstreamFolder(files));
}
