"use client";
import dynamic from "next/dynamic";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { useFollowingTask } from "@/app/_lib/live/use-task";
import type { CorpusDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { Input } from "@/app/_ui/field";
import { ErrorState, Skeleton } from "@/app/_ui/states";
import { Passage } from "./passage";

/** Loaded with the first answer: it reads what a worker's task answers. */
const FoundPassages = dynamic(() => import("./found-passages").then((m) => m.FoundPassages), {
  ssr: false,
});

type Sample = CorpusDetail["samples"][number];

/** Passages spread over the corpus, or one that is searched by its id on the worker; the address names it. */
export function Samples({
  corpus,
  samples,
  canSearch,
}: {
  corpus: string;
  samples: Sample[];
  canSearch: boolean;
}) {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const searchedId = params.get("passage");
  const [typed, setTyped] = useState(searchedId ?? "");
  return (
    <Card className="mt-4">
      <CardHeader
        title={searchedId === null ? t("Samples") : t("Passage {id}", { id: searchedId })}
        description={searchedId === null ? t("Spread evenly over the corpus") : undefined}
      >
        <form
          className="flex gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            setParams({ passage: typed.trim() });
          }}
        >
          <Input
            aria-label={t("Id of a passage")}
            placeholder={t("Id of a passage")}
            className="w-40 font-mono text-xs"
            value={typed}
            disabled={!canSearch}
            onChange={(event) => setTyped(event.target.value)}
          />
          <Button type="submit" disabled={!canSearch}>
            {t("Find")}
          </Button>
        </form>
      </CardHeader>
      <div className="mt-2">
        {searchedId === null ? (
          samples.length > 0 ? (
            samples.map((sample) => <Passage key={sample.id} passage={sample} />)
          ) : (
            <p className="px-4 pb-3 text-xs text-muted-foreground">
              {t("None: the corpus is read when it is first used.")}
            </p>
          )
        ) : canSearch ? (
          <SearchedPassage key={searchedId} corpus={corpus} id={searchedId} />
        ) : (
          <p className="px-4 pb-3 text-xs text-muted-foreground">
            {t("No worker that holds it is online")}
          </p>
        )}
      </div>
    </Card>
  );
}

function SearchedPassage({ corpus, id }: { corpus: string; id: string }) {
  const t = useText();
  const { task, failure, retry } = useFollowingTask({ kind: "documents", corpus, ids: [id] });
  if (failure)
    return (
      <ErrorState
        className="m-4"
        title={t("The passage could not be read")}
        error={failure}
        onRetry={retry}
      />
    );
  if (task?.state === "succeeded") return <FoundPassages result={task.result} id={id} />;
  return <Skeleton className="m-4 h-16" />;
}
