"""Namespaces: a new one, another title, and away with one, keys and all."""

from __future__ import annotations

from textual.content import Content

from kvtui.api.limits import title_problem
from kvtui.api.models import Account, Namespace
from kvtui.core import plans
from kvtui.core.changes import NamespaceChange, home_of
from kvtui.ui.cardwords import namespace_words
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.name import NameDialog, title_facts
from kvtui.ui.flows.applying import agreed, carry_out_alone
from kvtui.ui.hands import Hands
from kvtui.ui.panes.places import Place
from kvtui.ui.present import safe_content


async def create(hands: Hands, account: Account) -> None:
    """Ask for a title, and make a namespace."""
    about = Content.assemble("In ", safe_content(account.name or account.id or "this machine", "bold"))
    title = await _ask_title(hands, "New namespace", about, "", account.id, "create")
    if title is not None:
        made = await carry_out_alone(hands, plans.create_namespace(account.id, title))
        if made is not None and isinstance(change := made.step.changes[0], NamespaceChange):
            hands.tree_pane.point_at(Place(change.namespace))


async def rename(hands: Hands, namespace: Namespace) -> None:
    """Ask for another title."""
    known = namespace_words(namespace, hands.tree_pane.account_of(namespace))
    about = Content.assemble(known, "\nIts id and its keys stay.")
    title = await _ask_title(
        hands, "Rename the namespace", about, namespace.title, namespace.account, "rename"
    )
    if title is not None:
        await carry_out_alone(hands, plans.rename_namespace(namespace, title))


async def _ask_title(
    hands: Hands, title: str, about: Content, initial: str, account: str, act: str
) -> str | None:
    taken = {one.title for one in hands.tree_pane.namespaces if one.account == account}

    def problem(name: str) -> str | None:
        if name == initial:
            return "That is its title already." if initial else None
        return "Another namespace of this account has this title." if name in taken else title_problem(name)

    dialog = NameDialog(
        title, about, initial, problem=problem, facts=title_facts, placeholder="title", act=act
    )
    return await hands.app.push_screen_wait(dialog)


async def remove(hands: Hands, namespace: Namespace) -> None:
    """Say how much goes with it; its title must be typed."""
    hands.keep_draft()
    page = await hands.store.first_page(namespace)
    seen = max(len(page.keys), hands.tree_pane.count_of(namespace))
    more = " or more" if page.cursor else ""
    keys = "No keys were seen in it." if not seen else f"{seen:,}{more} keys were seen in it, and go with it."
    drafts = len(hands.drafts.names(namespace))
    and_drafts = f"\nDrafts of its keys that are not saved: {drafts:,}. They go too." if drafts else ""
    body = Content.assemble(
        ("This cannot be taken back. ", "bold"),
        (keys + and_drafts, "bold"),
        " KV has no way to bring a namespace back, and the journal does not hold its keys.\n\n",
        namespace_words(namespace, hands.tree_pane.account_of(namespace)),
    )
    dialog = ConfirmDialog("Remove this namespace?", body, act="remove it", typed=namespace.title)
    if await agreed(hands, dialog):
        if await carry_out_alone(hands, plans.remove_namespace(namespace)) is None:
            return  # it is still there, and so are the drafts
        for draft in hands.drafts:
            if home_of(draft.ref.namespace) == home_of(namespace):
                hands.desk.drop(draft.ref)
