/** Files with their paths in the folder that was dropped or picked. */

export interface PathFile {
  path: string;
  file: File;
}

/**
 * Files of a drop, with everything below a dropped folder. Call it while the event is handled: afterwards the event is
 * empty.
 */
export function readDroppedFiles(transfer: DataTransfer): Promise<PathFile[]> {
  const entries = [...transfer.items].flatMap((item) =>
    item.kind === "file" ? [{ entry: item.webkitGetAsEntry(), file: item.getAsFile() }] : [],
  );
  return Promise.all(
    entries.map(async ({ entry, file }) => {
      if (entry) return listFilesBelow(entry);
      return file ? [{ path: file.name, file }] : [];
    }),
  ).then((files) => sortFiles(files.flat()));
}

/** Files that a person picked, singly or as a folder. */
export const readPickedFiles = (files: FileList): PathFile[] =>
  sortFiles([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));

async function listFilesBelow(entry: FileSystemEntry): Promise<PathFile[]> {
  if (isFile(entry))
    return [
      {
        path: entry.fullPath.replace(/^\//, ""),
        file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)),
      },
    ];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: PathFile[] = [];
  // A reader gives at most a hundred entries at a time, and none at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (entries.length === 0) return files;
    for (const below of entries) files.push(...(await listFilesBelow(below)));
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const sortFiles = (files: PathFile[]): PathFile[] =>
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
