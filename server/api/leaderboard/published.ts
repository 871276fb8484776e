import { z } from "zod";
import { publishedResults } from "@/contracts/published-results";
import { procedure } from "../trpc";

/** The paper's tables, as printed. */
export const publishedTables = procedure
  .input(z.object({}).optional())
  .output(publishedResults)
  .query(({ ctx }) => ctx.services.leaderboard.published());
