import { z } from "zod";

/** Written into a folder once all of its downloaded files are there and their checksums are right. */
export const FETCHED_FILES_RECORD = "complete.json";

/** The files by their paths in the folder, with their sizes: a file of another size was changed since. */
export const fetchedFilesSchema = z.array(
  z.object({ path: z.string().min(1), bytes: z.number().nonnegative() }),
);
export type FetchedFiles = z.infer<typeof fetchedFilesSchema>;
