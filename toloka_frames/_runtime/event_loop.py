"""Run coroutines on the package's background event loop, from ordinary code or from another loop.

Connections belong to the loop that opened them, so every request of the process runs on one loop, in a daemon thread. The
caller that waits for it (a thread in `run`, a coroutine of another loop in `run_on_loop`) meanwhile calls the callbacks that
the work passed to `on_tick`: a display is drawn by its caller, never by the loop's thread.

Every public function and method is a `public_call`: its errors have short tracebacks, and wrong arguments are explained.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import difflib
import functools
import inspect
import opcode
import os
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, cast, overload

import sniffio

from toloka_frames._errors import InputError, LoopError
from toloka_frames._errors.tracebacks import is_full, is_shown_short, shorten, shown_short

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
    from types import FrameType, TracebackType

AnyFunction = TypeVar("AnyFunction", bound="Callable[..., Any]")
P = ParamSpec("P")
T = TypeVar("T")
Other = TypeVar("Other")

# Ten times a second looks like motion; on Windows it is also how long Ctrl-C waits for a lock.
TICK_SECONDS = 0.1
# A fork waits no longer than this for a callback on the loop; callbacks there only start and finish requests.
MAX_PAUSE_SECONDS = 1.0
LOST_LOOP_HINT = (
    "Requests in flight may have taken effect. The next call starts another loop, for which a new client is needed."
)

LEAVE_OUT_AWAIT = (
    "leave out `await`, or use a call of AsyncTolokaClient or a function of tf.aio, such as tf.aio.to_dataframe(scan)"
)
# bytecode of CPython from 3.11 on; another interpreter may not have it, and calls that are awaited are then not found
CACHE, GET_AWAITABLE = (opcode.opmap.get(name, -1) for name in ("CACHE", "GET_AWAITABLE"))
UNKNOWN_KEYWORD = re.compile(r"got an unexpected keyword argument '(\w+)'")

_ticks: contextvars.ContextVar[list[Callable[[], None]] | None] = contextvars.ContextVar("ticks", default=None)


class ShortTracebacks(contextlib.ContextDecorator):
    """Shorten the tracebacks of errors of this package that leave the block; the frame of the block itself is left out too.

    Args:
        is_inside: Whether the caller of the block is a function of this package too, whose line is the one to show.
    """

    def __init__(self, *, is_inside: bool = False) -> None:
        self._is_inside = is_inside

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is not None and traceback is not None:
            # the frame of the block holds the arguments, of which one may be the token
            error.__traceback__ = traceback.tb_next
            if isinstance(error, KeyboardInterrupt):
                shown_short(error)  # where Stop has met this package is of no interest
            if is_shown_short(error):
                # Python adds no entry for the frame of a `with` that lets an error pass
                shorten(error, None if self._is_inside and not is_full() else traceback.tb_next)


class _ArgumentCheck(ShortTracebacks):
    """Name the nearest parameter where a keyword is unknown."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = function

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, TypeError) and traceback is not None and traceback.tb_next is None:
            # the call itself has failed, before the function began
            explain_keyword(error, self._function)
        super().__exit__(kind, error, traceback)


class _OrdinaryCall(_ArgumentCheck):
    """Reject a call that is awaited although it returns its result, before anything is sent."""

    def __enter__(self) -> Self:
        caller = sys._getframe(1).f_back  # noqa: SLF001 -- after the decorator's own frame; None for atexit
        if caller and caller.f_code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR) and _awaits_result(caller):
            # in one line, because the frames of this method and of the decorator are shown too
            raise InputError(f"{self._function.__name__}() is not a coroutine: {LEAVE_OUT_AWAIT}.")
        return self


def public_call(function: AnyFunction) -> AnyFunction:
    """Make a function one that users call: shorten the tracebacks of its errors, and explain wrong arguments."""
    if inspect.iscoroutinefunction(function):
        return cast("AnyFunction", _awaited(function))
    return _OrdinaryCall(function)(function)


def arguments_checked(function: AnyFunction) -> AnyFunction:
    """Make a function explain wrong arguments; it may be awaited."""
    return _ArgumentCheck(function)(function)


def public_class(cls: type[T]) -> type[T]:
    """Make a class one that users see: it names the package as its module, and its methods are public calls.

    Methods of its bases in this package are public calls, too.
    """
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != __name__.partition(".")[0]:
            continue
        for name, value in list(vars(base).items()):
            if inspect.isfunction(value) and not hasattr(value, "__wrapped__") and (name[0] != "_" or name == "__init__"):
                setattr(base, name, public_call(value))
            elif isinstance(value, property) and value.fget and not hasattr(value.fget, "__wrapped__"):
                setattr(base, name, property(public_call(value.fget), value.fset, value.fdel, value.__doc__))
    cls.__module__ = __name__.partition(".")[0]
    return cls


def _awaited(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    check = _ArgumentCheck(function)

    @functools.wraps(function)
    async def awaited_call(*args: P.args, **kwargs: P.kwargs) -> T:
        with check:
            return await function(*args, **kwargs)

    return awaited_call


def unknown_keyword(name: str, keyword: str, signature: inspect.Signature) -> TypeError:
    """Return the error of a call of a function of this name and signature with an unknown keyword."""
    error = TypeError(f"{name}() got an unexpected keyword argument {keyword!r}")
    return explain_keyword(error, signature)


def explain_keyword(error: TypeError, function: Callable[..., Any] | inspect.Signature) -> TypeError:
    """Add the nearest parameter of a function to the error of an unknown keyword, and return the error."""
    # from Python 3.13 on, Python suggests a name itself, which need not be the nearest
    message = str(error).partition(". Did you mean")[0]
    if unknown := UNKNOWN_KEYWORD.search(message):
        signature = function if isinstance(function, inspect.Signature) else inspect.signature(function)
        known = [name for name in signature.parameters if name != "self"]
        nearest = difflib.get_close_matches(unknown[1].lower(), known, n=1, cutoff=0.5)
        error.args = (f"{message}; " + (f"the nearest is {nearest[0]!r}" if nearest else f"it takes {', '.join(known)}"),)
    return shown_short(error)


def _awaits_result(frame: FrameType) -> bool:
    """Return whether a frame awaits the result of the call that it is making."""
    # an instruction has two bytes; the entries of a call's cache come before the next instruction
    following = (code for code in frame.f_code.co_code[frame.f_lasti + 2 :: 2] if code != CACHE)
    return next(following, None) == GET_AWAITABLE


@overload
def run(work: Coroutine[Any, Any, T]) -> T: ...
@overload
def run(work: T) -> T: ...
def run(work: Any) -> Any:
    """Run a coroutine from ordinary code and return its result.

    It works in a script, in a notebook cell, inside any running event loop and in any thread: the coroutine runs on the
    package's own loop. On KeyboardInterrupt the coroutine is cancelled, and has ended before the exception is raised.

    Args:
        work: A coroutine, for example a call of `AsyncTolokaClient`. The result of a call of `TolokaClient` is returned
            unchanged, so that `tf.run(client.get_pool("1080020"))` works with either client.

    Returns:
        The result of the coroutine.

    Raises:
        InputError: If it is something else that has to be called, awaited or read.
        LoopError: If it is called on the package's own loop, where waiting would block the work that is waited for.

    Example:
        >>> tf.run(toloka.async_client().get_pool(pool.id)).status
        'CLOSED'
    """
    if not asyncio.iscoroutine(work):
        return _checked_result(work)
    if _is_on_our_loop():
        work.close()
        raise LoopError(
            "An ordinary call was made inside a coroutine that runs on toloka_frames' own loop.",
            hint="Await the coroutine there, or the same name from `toloka_frames.aio`.",
        )
    # a bare lock, because futures and events take theirs in Python, where Ctrl-C can leave them taken for ever
    ended = threading.Lock()
    ended.acquire()
    job = _Job(work, ended.release)
    # before the work begins: a loop's own handler would swallow a Ctrl-C, because the loop waits here
    with _interruptible():
        try:
            job.loop.call_soon_threadsafe(job.begin, context=job.context)
            while not job.ended:
                ended.acquire(timeout=TICK_SECONDS)
                job.tick()
        except BaseException:
            job.cancel()
            while not job.ended:
                ended.acquire(timeout=TICK_SECONDS)
            raise
        finally:
            job.tick()
    return job.result()


def _checked_result(work: T) -> T:
    """Return the result of a call that has already run; a function, a future and a scan are not results."""
    if callable(work) or inspect.isawaitable(work) or hasattr(work, "__aiter__"):
        raise InputError(
            f"tf.run needs a coroutine, not a {type(work).__name__}.",
            hint="For example tf.run(client.get_pool(pool_id)); a Scan has methods like to_dataframe() instead.",
        )
    return work


async def run_on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that runs on our loop, from a coroutine of any loop; cancellation cancels it and waits for its end."""
    if _is_on_our_loop():
        return await work
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    job = _Job(work, lambda: loop.call_soon_threadsafe(ended.set_result, None))
    try:
        job.loop.call_soon_threadsafe(job.begin, context=job.context)
        while not job.ended:
            await _ended_or_tick(ended)
            job.tick()
    except BaseException:
        job.cancel()
        while not job.ended:
            await _ended_or_tick(ended)
        raise
    finally:
        job.tick()
    return job.result()


async def _ended_or_tick(ended: asyncio.Future[None]) -> None:
    # not wait_for, which until Python 3.12 lets a cancellation get lost that comes with the end; nor asyncio.timeout, which on
    # 3.11.2 ends in one more cancellation where an earlier one was caught, as it is here
    await asyncio.wait({ended}, timeout=TICK_SECONDS)


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a thread; cancellation waits for its end, so that nothing it uses is closed meanwhile."""
    return await shield_until_done(asyncio.to_thread(function, *args, **kwargs))


async def both(one: Awaitable[T], other: Awaitable[Other]) -> tuple[T, Other]:
    """Await two things at once and return both results; if one fails, wait for the other and raise the error."""
    results = await asyncio.gather(one, other, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("tuple[T, Other]", tuple(results))


async def shield_until_done(work: Awaitable[T]) -> T:
    """Await work that cancellation does not cancel, but waits for."""
    ended = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        await asyncio.wait({ended})
        if not ended.cancelled():
            ended.exception()  # retrieved, so that asyncio does not report it as lost
        raise


def on_tick(callback: Callable[[], None]) -> None:
    """Have the caller that waits for the current work call a callback, often while it runs and once after its end."""
    ticks = _ticks.get()
    if ticks is not None:
        ticks.append(callback)


def start(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Start a coroutine on our loop without waiting for it."""
    if _thread_loop is not None:  # without a loop, nothing on it is open
        asyncio.run_coroutine_threadsafe(work(), _thread_loop)


def iterate(items: AsyncIterator[T]) -> Iterator[T]:
    """Read an async iterator on our loop, item by item; closing the iterator closes it there too."""
    try:
        while True:
            with ShortTracebacks(is_inside=True):
                item = run(_next(items))
            if item is _END:
                return
            yield item  # type: ignore[misc]
    finally:
        if _is_on_our_loop():  # collected there, as garbage
            start(lambda: _close(items))
        else:
            run(_close(items))


class AsyncItems(Generic[T]):
    """The items of an async iterator of chunks, which runs on our loop, for a coroutine of any loop.

    Dropping it closes the iterator. It is not a generator: the caller's loop closes those when it ends, and reports an error if
    that takes longer than the loop, or if one of them is inside another.
    """

    def __init__(self, chunks: AsyncIterator[Iterable[T]]) -> None:
        self._chunks = chunks
        self._items: Iterator[T] = iter(())
        self._is_open = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while (item := next(self._items, _END)) is _END:
            try:
                with ShortTracebacks():
                    chunk = await run_on_loop(_next(self._chunks))
            except BaseException:
                await self.aclose()  # it may not have begun to continue when it was cancelled
                raise
            if isinstance(chunk, _End):
                self._is_open = False
                raise StopAsyncIteration
            self._items = iter(chunk)
        return item  # type: ignore[return-value]

    async def aclose(self) -> None:
        """Close the iterator."""
        self._is_open = False
        await run_on_loop(_close(self._chunks))

    def __del__(self) -> None:
        if self._is_open and not sys.is_finalizing():
            chunks = self._chunks
            start(lambda: _close(chunks))


def iterate_callers(items: AsyncIterator[T]) -> Iterator[T]:
    """Read an async iterator that belongs to the caller: on the caller's running loop if there is one, else on ours.

    Raises:
        LoopError: If the caller's loop cannot be entered a second time (uvloop).
    """
    if not _is_in_a_loop():
        yield from iterate(items)
        return
    import nest_asyncio  # noqa: PLC0415 -- only rows of the caller's loop need it

    loop = asyncio.get_running_loop()
    try:
        nest_asyncio.apply(loop)
    except ValueError as error:
        raise LoopError(
            f"The running event loop ({type(loop).__module__}) cannot be entered a second time to read these rows.",
            hint="Use `await tf.aio.to_dataframe(...)`, or `to_arrow`, or `to_parquet`, from `toloka_frames.aio`.",
        ) from error
    while (item := _entered(loop, items)) is not _END:
        yield item  # type: ignore[misc]


def _entered(loop: asyncio.AbstractEventLoop, items: AsyncIterator[T]) -> T | _End:
    task = loop.create_task(_next(items))
    try:
        with _interruptible():
            return loop.run_until_complete(task)
    except BaseException:
        if not task.cancel():
            task.exception()  # retrieved, so that asyncio does not report it as lost
        raise


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Make Ctrl-C raise KeyboardInterrupt here also inside a running loop.

    The handler of a loop (asyncio.run, an async cell of Jupyter) cancels a task, which cannot end while its thread waits here.
    """
    if not _is_in_a_loop() or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _End:
    """The value after the last item, because StopAsyncIteration cannot leave a future."""


_END = _End()


async def _next(items: AsyncIterator[T]) -> T | _End:
    return await anext(items, _END)


async def _close(items: AsyncIterator[Any]) -> None:
    # after a second cancellation, the first one may still be ending what it has cancelled
    while getattr(items, "ag_running", False):  # noqa: ASYNC110 -- a generator has no event of its own
        await asyncio.sleep(TICK_SECONDS)
    if hasattr(items, "aclose"):  # generators have it, other iterators need not
        await items.aclose()


class _Job(Generic[T]):
    """A coroutine on our loop.

    It can be cancelled as soon as it exists: Ctrl-C may arrive between any two lines of the caller.

    Attributes:
        ended: Whether the coroutine has ended, also after a cancellation.
        loop: The loop that runs it.
        context: The context that it runs in.
    """

    def __init__(self, work: Coroutine[Any, Any, T], notify: Callable[[], object]) -> None:
        self.ended = False
        self.loop = _loop()
        self.context = contextvars.copy_context()
        self._work = work
        self._notify = notify
        self._task: asyncio.Task[T] | None = None
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []
        self.context.run(_ticks.set, self._callbacks)
        _jobs.add(self)

    def begin(self) -> None:
        """Start the coroutine; called on the loop."""
        try:
            self._task = self.loop.create_task(self._work)
            self._task.add_done_callback(self._end)
        except BaseException as error:
            self._work.close()
            self._finish(error)
            raise

    def cancel(self) -> None:
        """Cancel the coroutine, from any thread."""
        self.loop.call_soon_threadsafe(self._stop)

    def tick(self) -> None:
        """Call the callbacks that the work registered."""
        # a copy, because the loop's thread adds to the list
        for callback in tuple(self._callbacks):
            callback()

    def result(self) -> T:
        """Return the result of the coroutine, or raise its error."""
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif not self.ended:
            self._work.close()
            self._finish(asyncio.CancelledError())

    def lose_loop(self, error: BaseException) -> None:
        """End the waiting for a coroutine whose loop has ended."""
        lost = LoopError(f"The event loop of toloka_frames has ended ({type(error).__name__}: {error}).", hint=LOST_LOOP_HINT)
        self._finish(lost)

    def _end(self, task: asyncio.Task[T]) -> None:
        # dropped here: a task that is collected in the caller's thread runs asyncio's callbacks there, which swallow Ctrl-C
        self._task = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            self._outcome.append(task.result())
        self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        _jobs.discard(self)
        self._error = error
        self.ended = True
        with contextlib.suppress(RuntimeError):  # the caller's loop is closed: nothing waits any more
            self._notify()


_lock = threading.Lock()
_thread_loop: asyncio.AbstractEventLoop | None = None
_jobs: set[_Job[Any]] = set()


def _loop() -> asyncio.AbstractEventLoop:
    global _thread_loop  # noqa: PLW0603 -- one loop for the process is the point
    with _lock:
        if _thread_loop is None:
            _thread_loop = asyncio.new_event_loop()
            # a daemon thread, so that a script can end while connections are open
            threading.Thread(target=_run_for_ever, args=(_thread_loop,), name="toloka_frames", daemon=True).start()
        return _thread_loop


def _run_for_ever(loop: asyncio.AbstractEventLoop) -> None:
    # httpcore and anyio look up the async library for each chunk of a response; set here, the look-up is immediate
    sniffio.thread_local.name = "asyncio"
    try:
        while True:
            # raised by a coroutine, these reach its caller; the loop continues for the others
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                loop.run_forever()
    except Exception as error:  # noqa: BLE001 -- of the loop itself, for example of its selector
        _end_loop(loop, error)


def _end_loop(loop: asyncio.AbstractEventLoop, error: Exception) -> None:
    """Forget a loop that has failed, and end what waits for its coroutines; the next call makes a new loop."""
    global _thread_loop  # noqa: PLW0603 -- one loop for the process is the point
    with _lock:
        _thread_loop = None
    for job in tuple(_jobs):
        if job.loop is loop:
            job.lose_loop(error)


def _pause_loop() -> None:
    """Before a fork, make our loop wait, so that its thread holds no lock, which nothing would release in the child."""
    _forking.acquire()
    if _thread_loop is not None and not _is_on_our_loop():
        paused = threading.Event()
        _thread_loop.call_soon_threadsafe(_wait_for_fork, paused)
        paused.wait(MAX_PAUSE_SECONDS)


def _wait_for_fork(paused: threading.Event) -> None:
    paused.set()
    with _forking:
        pass  # the fork is over


def _resume_loop() -> None:
    _forking.release()


def _forget_loop() -> None:
    """In a forked child, forget the loop, whose thread does not exist there; the next call makes a new one."""
    global _thread_loop, _lock, _forking
    _jobs.clear()
    _thread_loop, _lock, _forking = None, threading.Lock(), threading.Lock()


_forking = threading.Lock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause_loop, after_in_parent=_resume_loop, after_in_child=_forget_loop)


def _is_on_our_loop() -> bool:
    return _is_in_a_loop() and asyncio.get_running_loop() is _thread_loop


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
