import { Button, type ButtonProps } from "./button";

/** Reads the next page of an infinite query; nothing where there is none. */
export function ShowMoreButton({
  query: { hasNextPage, isFetchingNextPage, fetchNextPage },
  children = "Show more",
  ...props
}: ButtonProps & {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  if (!hasNextPage) return null;
  return (
    <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()} {...props}>
      {children}
    </Button>
  );
}
