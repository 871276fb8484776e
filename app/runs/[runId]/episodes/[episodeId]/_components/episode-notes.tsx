"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Tag, Trash2, X } from "lucide-react";
import { useId, useState, type FormEvent } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { Input, Textarea } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";

/** Comments and labels of an episode, and how to change them. */
function useNotes(episodeId: string) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notes = useQuery(trpc.inspector.notes.queryOptions({ episodeId }));
  const onSuccess = () => queryClient.invalidateQueries(trpc.inspector.notes.pathFilter());
  // Lists of episodes show labels and filter by them.
  const onLabelled = () =>
    Promise.all([onSuccess(), queryClient.invalidateQueries(trpc.episodes.pathFilter())]);
  return {
    notes,
    addComment: useMutation(trpc.inspector.addComment.mutationOptions({ onSuccess })),
    removeComment: useMutation(trpc.inspector.removeComment.mutationOptions({ onSuccess })),
    setLabel: useMutation(trpc.inspector.setLabel.mutationOptions({ onSuccess: onLabelled })),
  };
}

/** The labels of an episode; any text becomes one, those in use are offered. */
export function EpisodeLabels({ episodeId }: { episodeId: string }) {
  const t = useText();
  const { notes, setLabel } = useNotes(episodeId);
  const [text, setText] = useState("");
  const list = useId();
  const labels = notes.data?.labels ?? [];
  const add = (event: FormEvent): void => {
    event.preventDefault();
    const label = text.trim();
    if (label === "") return;
    setLabel.mutate({ episodeId, label, isSet: true }, { onSuccess: () => setText("") });
  };
  return (
    <div className="mt-2 flex min-h-8 flex-wrap items-center gap-1.5 text-xs">
      <Tag className="size-3.5 text-muted-foreground" aria-hidden />
      {labels.map((label) => (
        <span
          key={label}
          data-label={label}
          className="inline-flex items-center gap-1 rounded-md border bg-card py-0.5 pr-0.5 pl-2"
        >
          {label}
          <Button
            variant="ghost"
            size="icon-sm"
            className="size-6"
            aria-label={t("Remove label {label}", { label })}
            onClick={() => setLabel.mutate({ episodeId, label, isSet: false })}
          >
            <X />
          </Button>
        </span>
      ))}
      <form onSubmit={add}>
        <Input
          aria-label={t("Add a label")}
          placeholder={t("Add a label")}
          className="h-7 w-36"
          list={list}
          maxLength={60}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <datalist id={list}>
          {notes.data?.knownLabels
            .filter((label) => !labels.includes(label))
            .map((label) => (
              <option key={label} value={label} />
            ))}
        </datalist>
      </form>
      {setLabel.error ? (
        <span className="text-bad">{t.message(setLabel.error.message)}</span>
      ) : null}
    </div>
  );
}

/** What people wrote at an episode, and a field for more. */
export function EpisodeComments({ episodeId }: { episodeId: string }) {
  const t = useText();
  const { notes, addComment, removeComment } = useNotes(episodeId);
  const [text, setText] = useState("");
  const failure = addComment.error ?? removeComment.error;
  return (
    <Card className="mt-4 px-4 py-3" aria-label={t("Comments")}>
      <h2 className="text-xs font-semibold text-muted-foreground">{t("Comments")}</h2>
      <ul className="divide-y">
        {notes.data?.comments.map(({ id, author, createdAt, text: written }) => (
          <li key={id} className="flex items-start gap-3 py-2">
            <div className="min-w-0 flex-1">
              <p className="text-2xs text-muted-foreground">
                {author}, {formatDateTime(t, createdAt)}
              </p>
              <p className="break-words whitespace-pre-wrap">{written}</p>
            </div>
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label={t("Remove this comment")}
              onClick={() => removeComment.mutate({ id })}
            >
              <Trash2 />
            </Button>
          </li>
        ))}
      </ul>
      <form
        className="mt-2 flex flex-col items-start gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          addComment.mutate({ episodeId, text }, { onSuccess: () => setText("") });
        }}
      >
        <Textarea
          aria-label={t("New comment")}
          rows={2}
          maxLength={5000}
          placeholder={t("What is to be seen here?")}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" size="sm" disabled={text.trim() === "" || addComment.isPending}>
          {t("Comment")}
        </Button>
      </form>
      {failure ? (
        <ErrorState
          className="mt-2"
          title={t("The comment could not be changed")}
          error={failure}
        />
      ) : null}
    </Card>
  );
}
