"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type TraceMappingRow } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { LabelledField, Textarea } from "@/app/_ui/field";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { ErrorState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";

const writeMapping = (mapping: TraceMappingRow["mapping"]): string =>
  JSON.stringify(mapping, null, 2);

/** Shows and changes where the rollouts of a format are read. */
export function MappingDialog({ onClose }: { onClose: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.externalRuns.mappings.queryOptions());
  const [format, setFormat] = useState<TraceMappingRow["mapping"]["format"]>("verl");
  const rows = query.data ?? [];
  const row = rows.find(({ mapping }) => mapping.format === format);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Where rollouts are read")}
      description={t(
        "Dotted places of the lines and spans, tried in order. A change counts for what is sent from then on.",
      )}
    >
      {query.isError && !query.data ? (
        <QueryErrorState title={t("The mappings could not be read")} query={query} />
      ) : null}
      {row === undefined ? (
        <Skeleton className="h-72" />
      ) : (
        <>
          <SegmentedControl
            label={t("Format")}
            value={format}
            options={rows.map(({ mapping }) => mapping.format)}
            text={(one) => one}
            onChange={setFormat}
          />
          <MappingForm key={`${format} ${row.version}`} row={row} />
        </>
      )}
    </Dialog>
  );
}

function MappingForm({ row }: { row: TraceMappingRow }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [text, setText] = useState(writeMapping(row.mapping));
  const [problem, setProblem] = useState<Error | null>(null);
  const save = useMutation(
    trpc.externalRuns.saveMapping.mutationOptions({
      onSuccess: ({ version }) => {
        notify("good", t("Stored as version {version}", { version }));
        void queryClient.invalidateQueries(trpc.externalRuns.pathFilter());
      },
    }),
  );
  const submit = (): void => {
    try {
      const mapping = JSON.parse(text) as TraceMappingRow["mapping"];
      setProblem(null);
      save.mutate({ mapping, version: row.version });
    } catch (error) {
      setProblem(new Error(t("The mapping is not JSON: {why}", { why: (error as Error).message })));
    }
  };
  return (
    <form
      className="mt-3"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <LabelledField
        id="mapping"
        label={t("Mapping")}
        hint={
          row.version === 0
            ? t("As every project begins with it")
            : t("Version {version}, by {by}", { version: row.version, by: row.createdBy ?? "" })
        }
      >
        <Textarea
          id="mapping"
          className="h-72 font-mono text-xs"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </LabelledField>
      <ErrorState className="mt-3" title={t("Not stored")} error={problem ?? save.error} />
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={() => setText(writeMapping(row.initial))}>{t("Begin anew")}</Button>
        <Button
          type="submit"
          variant="primary"
          disabled={save.isPending || text === writeMapping(row.mapping)}
        >
          {t("Store as a new version")}
        </Button>
      </div>
    </form>
  );
}
