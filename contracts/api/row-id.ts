import { z } from "zod";

/** Id of a row, or another place in a list, as decimal text: as many digits as the database's numbers hold. */
export const rowIdSchema = z.string().regex(/^\d{1,18}$/, "is not a number that the server gave");
