"""stand-in"""
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static
class EntryPane(Vertical):
    BINDINGS=[]
    class CopyRequested(Message):
        def __init__(self, data: bytes, what: str) -> None:
            super().__init__(); self.data=data; self.what=what
    def __init__(self, read):
        super().__init__(id="entry", classes="pane"); self.read=read; self.entry=None
    def compose(self):
        yield Static("entry", markup=False)
    def focus_view(self): self.can_focus=True; self.focus()
    def show(self, ns, name):
        self.entry=None
        if ns and name: self.run_worker(self._r(ns,name), exclusive=True)
    async def _r(self, ns, name):
        self.entry = await self.read(ns, name, lambda a,b: None)
        self.query_one(Static).update(repr(self.entry)[:500])
