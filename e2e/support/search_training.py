"""
A small training on the CPU that searches with what the dashboard serves: by REINFORCE a policy of
three logits learns which of three queries finds the document with the answer. Documents are those
of the retriever at S3_RETRIEVER_URL; the answer to them is of the model at S3_GENERATOR_URL, where
one is given.
"""

import json
import os
import urllib.request

import torch

# Of atlas/train.
QUESTION = "What is the capital city of the country whose national dish is Ceviche?"
ANSWER = "Lima"
QUERIES = ["currency of Japan", "independence of Brazil", "capital city of Peru"]
DOCUMENTS = 3
SAMPLES = 8


# Both services are on a loopback: no proxy is asked.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url, body=None):
    """JSON that a service answers to a GET, or to a POST of a body. An error of HTTP is raised."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with OPENER.open(request, timeout=120) as response:
        return json.load(response)


def search(query):
    """Texts of the first documents that the served retriever finds, as corpus lines have them."""
    body = {"queries": [query], "topk": DOCUMENTS, "return_scores": True}
    (found,) = ask(os.environ["S3_RETRIEVER_URL"], body)["result"]
    return [one["document"]["contents"] for one in found]


def answer(query, documents):
    """What the served generator answers a query by these documents."""
    address = os.environ["S3_GENERATOR_URL"]
    text = "\n".join(documents)
    body = {
        "model": ask(f"{address}/models")["data"][0]["id"],
        "messages": [{"role": "user", "content": f"{text}\n\nWhat is the {query}?"}],
        "max_tokens": 16,
        "temperature": 0,
    }
    return ask(f"{address}/chat/completions", body)["choices"][0]["message"]["content"]


def format_documents(documents):
    """As upstream's rollouts show them: `Doc 1(Title: "...") text`."""
    parts = [contents.partition("\n") for contents in documents]
    return "".join(
        f"Doc {i}(Title: {title}) {text}\n" for i, (title, _, text) in enumerate(parts, 1)
    )


def write_rollout(window, query, documents, reward, step):
    """
    As verl writes it, decoded without special tokens.

    window: documents that the policy begins with
    documents: those that its query found
    """
    found = format_documents(documents)
    return {
        "input": f"user\n<question>\n{QUESTION}\n</question>\n"
        f"<information>\n{format_documents(window)}</information>\nassistant\n",
        "output": "<important_info>[1]</important_info><search_complete>False</search_complete>"
        f'<query>{{"query": "{query}"}}</query>\n\n<information>{found}</information>\n\n'
        "<important_info>[1]</important_info><search_complete>True</search_complete>",
        "score": reward,
        "step": step,
    }


class Policy:
    """Which of the queries is sent, learnt by its own gradients."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.logits = torch.zeros(len(QUERIES), requires_grad=True)
        self.optimizer = torch.optim.Adam([self.logits], lr=0.3)
        self.window = search(QUESTION)

    def train_step(self, step):
        """
        Samples queries, searches with them, rewards those whose documents hold the answer, and
        follows the gradient. Gives the metrics by verl's names, and the rollouts.
        """
        distribution = torch.distributions.Categorical(logits=self.logits)
        actions = distribution.sample((SAMPLES,))
        queries = [QUERIES[int(action)] for action in actions]
        found = {query: search(query) for query in set(queries)}
        rewards = torch.tensor(
            [float(any(ANSWER in text for text in found[query])) for query in queries]
        )
        advantages = rewards - rewards.mean()
        loss = -(advantages * distribution.log_prob(actions)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        gradient = self.logits.grad
        assert gradient is not None
        norm = float(gradient.norm())
        self.optimizer.step()
        metrics = {
            "critic/score/mean": float(rewards.mean()),
            "actor/pg_loss": float(loss.detach()),
            "actor/grad_norm": norm,
            "actor/entropy_loss": float(distribution.entropy().detach()),
        }
        rollouts = [
            write_rollout(self.window, query, found[query], float(reward), step)
            for query, reward in zip(queries, rewards, strict=True)
        ]
        return metrics, rollouts
