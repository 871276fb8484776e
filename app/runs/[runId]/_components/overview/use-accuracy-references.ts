"use client";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { ReferenceValue } from "@/app/_charts/drawing/plot-drawing";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatShare } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { findPaperSet } from "@/app/leaderboard/_components/table/published";
import type { PublishedResults } from "@/contracts/formats/published-results";
import type { PredictConfig } from "@/contracts/run-config/predict-config";

/** The best figure that the paper prints for its s3 on a question set; null where it has none. */
function findPublishedAccuracy(
  t: Text,
  questionSet: string,
  results: PublishedResults,
): ReferenceValue | null {
  const set = findPaperSet(questionSet, results);
  if (set === null) return null;
  const [best] = results.rows
    .flatMap(({ method, generator, scores }) => {
      const percent = scores[set]?.gen_acc;
      return method === "s3" && percent !== undefined ? [{ generator, percent }] : [];
    })
    .sort((a, b) => b.percent - a.percent);
  return best
    ? {
        label: t("s3 in the paper, {generator} {percent}%", best),
        value: best.percent / 100,
      }
    : null;
}

/**
 * What a prediction's accuracy is compared with: naive RAG on the same questions, and what the paper prints for s3 on
 * the same set. A part of a set is not the paper's.
 */
export function useAccuracyReferences(
  config: PredictConfig | null,
  rag: number | null,
): ReferenceValue[] {
  const t = useText();
  const trpc = useTRPC();
  const isWhole = config !== null && config.limit === null && !config.skipYesNo;
  const published = useQuery(
    trpc.leaderboard.published.queryOptions(undefined, { enabled: isWhole }),
  );
  return useMemo(() => {
    const paper =
      isWhole && published.data ? findPublishedAccuracy(t, config.questions, published.data) : null;
    return [
      ...(rag === null
        ? []
        : [{ label: t("Naive RAG {share}", { share: formatShare(rag) }), value: rag }]),
      ...(paper ? [paper] : []),
    ];
  }, [t, isWhole, config, rag, published.data]);
}
