import { stat } from "node:fs/promises";

/** Size of a file in bytes; null where there is no file. */
export const getFileSize = (path: string): Promise<number | null> =>
  stat(path).then(
    (entry) => (entry.isFile() ? entry.size : null),
    () => null,
  );

/** As `getFileSize`; 0 where there is no file. */
export const readFileSize = async (path: string): Promise<number> => (await getFileSize(path)) ?? 0;
