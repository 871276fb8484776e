"use client";
import { useText } from "@/app/_i18n/text-provider";
import { Button, type ButtonProps } from "./button";

/** Reads the next page of an infinite query; nothing where there is none. */
export function ShowMoreButton({
  query: { hasNextPage, isFetchingNextPage, fetchNextPage },
  children,
  ...props
}: ButtonProps & {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  const t = useText();
  if (!hasNextPage) return null;
  return (
    <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()} {...props}>
      {children ?? t("Show more")}
    </Button>
  );
}
