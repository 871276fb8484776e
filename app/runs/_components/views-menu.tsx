"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark, BookmarkPlus, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField } from "@/app/_ui/field";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { useNotify } from "@/app/_ui/toast";

interface Props {
  kind: "runs" | "episodes";
  /** The parameters of the address that make a view. */
  names: readonly string[];
  onOpenView: (query: URLSearchParams) => void;
  /** Its button has the icon alone where the line is short. */
  isCompact?: boolean;
}

/** Views that were saved under a name, and the one that is shown now to be saved. */
export function ViewsMenu({ kind, names, onOpenView, isCompact = false }: Props) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [saving, setSaving] = useState(false);
  const { data: views = [] } = useQuery(trpc.savedViews.list.queryOptions({ kind }));
  const refresh = () => void queryClient.invalidateQueries(trpc.savedViews.pathFilter());
  const remove = useMutation(
    trpc.savedViews.delete.mutationOptions({
      onSuccess: refresh,
      onError: (error) => notify("bad", error.message),
    }),
  );
  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button title={t("Views")}>
            <Bookmark />
            <span className={cn(isCompact && "md:max-2xl:sr-only")}>{t("Views")}</span>
          </Button>
        </MenuTrigger>
        <MenuContent className="max-w-80">
          {views.flatMap(({ id, name, ...view }) =>
            view.kind !== "panels"
              ? [
                  <MenuItem
                    key={id}
                    onSelect={() => onOpenView(new URLSearchParams(view.value.query))}
                  >
                    <Bookmark /> <span className="truncate">{name}</span>
                  </MenuItem>,
                ]
              : [],
          )}
          <MenuItem onSelect={() => setSaving(true)}>
            <BookmarkPlus /> {t("Save this view")}
          </MenuItem>
          {views.map(({ id, name }) => (
            <MenuItem key={`delete ${id}`} onSelect={() => remove.mutate({ id })}>
              <Trash2 /> <span className="truncate">{t("Delete “{name}”", { name })}</span>
            </MenuItem>
          ))}
        </MenuContent>
      </Menu>
      {saving ? (
        <SaveDialog kind={kind} names={names} onClose={() => setSaving(false)} onSaved={refresh} />
      ) : null}
    </>
  );
}

function SaveDialog({
  kind,
  names,
  onClose,
  onSaved,
}: Omit<Props, "onOpenView" | "isCompact"> & { onClose: () => void; onSaved: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const notify = useNotify();
  const [params] = useQueryParams();
  const [name, setName] = useState("");
  const save = useMutation(
    trpc.savedViews.save.mutationOptions({
      onSuccess: () => {
        notify("good", t("View “{name}” saved", { name: name.trim() }));
        onSaved();
        onClose();
      },
      onError: (error) => notify("bad", error.message),
    }),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const kept = new URLSearchParams(
      names.flatMap((key) => {
        const value = params.get(key);
        return value === null ? [] : [[key, value]];
      }),
    );
    save.mutate({ kind, name, value: { query: kept.toString() } });
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("Save this view")}
      description={t(
        "Filters and order, and of runs the columns. One of the same name is replaced.",
      )}
    >
      <form onSubmit={submit}>
        <LabelledField id="view-name" label={t("Name")}>
          <Input
            id="view-name"
            value={name}
            maxLength={120}
            onChange={(event) => setName(event.target.value)}
          />
        </LabelledField>
        <div className="mt-4 flex justify-end">
          <Button type="submit" variant="primary" disabled={save.isPending || name.trim() === ""}>
            {t("Save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
