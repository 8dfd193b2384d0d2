"""Kernels as LLVM functions."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir as L

from lamina.compiler.ir import (
    CHUNK,
    COMPARISONS,
    Accumulate,
    Affine,
    Assign,
    Buffer,
    Expression,
    For,
    If,
    Kernel,
    Limit,
    Load,
    Local,
    Number,
    Op,
    Prefetch,
    Statement,
    Store,
    Turn,
)
from lamina.core.types import DType

I1, I8, I32, I64 = (L.IntType(n) for n in (1, 8, 32, 64))
POINTER = L.PointerType()
VECTOR = 64
"""Bytes of the largest vector register."""


def llvm_type(dtype: DType) -> L.Type:
    """Return the type of a value of ``dtype`` in registers (bools are one bit)."""
    if dtype.kind == "f":
        return L.FloatType() if dtype.itemsize == 4 else L.DoubleType()
    return I1 if dtype.kind == "b" else L.IntType(8 * dtype.itemsize)


def _element(kind: L.Type) -> L.Type:
    return kind.element if isinstance(kind, L.VectorType) else kind


def _suffix(kind: L.Type) -> str:
    """Return a type as intrinsics' names have it."""
    element = _element(kind)
    letter = "i" if isinstance(element, L.IntType) else "f"
    width = element.width if letter == "i" else 32 if element == L.FloatType() else 64
    count = f"v{kind.count}" if isinstance(kind, L.VectorType) else ""
    return f"{count}{letter}{width}"


Terms = tuple[tuple[str, int], ...]


def _offset(
    buffer: Buffer, indices: Sequence[Expression]
) -> tuple[int, Terms, list[tuple[Expression, int]]]:
    """Return an element's distance from a buffer's start: a constant, loops, and the rest."""
    constant, terms = buffer.offset, dict[str, int]()
    rest: list[tuple[Expression, int]] = []
    for index, stride in zip(indices, buffer.strides, strict=True):
        if not isinstance(index, Affine):
            rest.append((index, stride))
            continue
        constant += stride * index.constant
        for name, coefficient in index.terms:
            terms[name] = terms.get(name, 0) + stride * coefficient
    return constant, tuple((n, c) for n, c in terms.items() if c), rest


class KernelWriter:
    """Writes one kernel as an LLVM function over pointers to its buffers."""

    def __init__(self, module: L.Module, kernel: Kernel) -> None:
        kind = L.FunctionType(L.VoidType(), [*[POINTER] * len(kernel.buffers), I64])
        self.module = module
        self.function = L.Function(module, kind, kernel.name)
        self.function.attributes.add("noinline")
        self.pointers: dict[str, L.Value] = {}
        *pointers, chunk = self.function.args
        for argument, buffer in zip(pointers, kernel.buffers, strict=True):
            argument.add_attribute("noalias")
            argument.name = buffer.name
            self.pointers[buffer.name] = argument
        entry = self.function.append_basic_block("entry")
        self.entry = L.IRBuilder(entry)
        self.b = L.IRBuilder(self.function.append_basic_block("body"))
        self.loops: dict[str, L.Value] = {CHUNK: chunk}
        #: Addresses computed in this block and in those around it.
        self.scopes: list[dict[tuple[str, Terms], L.Value]] = [{}]
        self.lane = ""
        self.lanes = 0
        self.mask: L.Value | None = None
        self.locals: dict[str, L.Value] = {}
        self.statements(kernel.body)
        self.b.ret_void()
        self.entry.branch(self.function.blocks[1])

    # Statements ------------------------------------------------------------------------

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            if isinstance(statement, For):
                (self.vector_loop if statement.lanes else self.loop)(statement)
            elif isinstance(statement, Store):
                self.store(statement)
            elif isinstance(statement, Accumulate):
                self.accumulate(statement)
            elif isinstance(statement, Assign):
                value = self.spread(self.value(statement.value))
                self.b.store(value, self.variable(statement.local))
            elif isinstance(statement, Prefetch):
                self.prefetch(statement)
            elif isinstance(statement, Turn):
                self.turn(statement)
            else:
                self.branch(statement)

    def loop(self, statement: For) -> None:
        start = self.limit(statement.starts, rounds_up=True)
        stop = self.limit(statement.stops, rounds_up=False)
        before = self.b.block
        head = self.function.append_basic_block(f"{statement.loop}.head")
        body = self.function.append_basic_block(f"{statement.loop}.body")
        done = self.function.append_basic_block(f"{statement.loop}.done")
        self.b.branch(head)
        self.b.position_at_end(head)
        index = self.b.phi(I64, statement.loop)
        index.add_incoming(start, before)
        self.b.cbranch(self.b.icmp_signed("<", index, stop), body, done)
        self.b.position_at_end(body)
        self.loops[statement.loop] = self._moved_back(index, stop, statement.step)
        self.scopes.append({})
        self.statements(statement.body)
        self.scopes.pop()
        following = self.b.add(index, I64(statement.step), flags=["nsw"])
        index.add_incoming(following, self.b.block)
        self.b.branch(head)
        self.b.position_at_end(done)

    def _moved_back(self, index: L.Value, stop: L.Value, step: int) -> L.Value:
        """Return where an iteration of ``step`` places begins so that it ends within the loop."""
        if step == 1:
            return index
        last = self.b.sub(stop, I64(step), flags=["nsw"])
        return self.b.select(self.b.icmp_signed("<", index, last), index, last)

    def limit(self, limits: Sequence[Limit], rounds_up: bool) -> L.Value:
        """Return the greatest start, or the least stop."""
        values = [self._limit(limit, rounds_up) for limit in limits]
        result = values[0]
        for value in values[1:]:
            closer = self.b.icmp_signed(">" if rounds_up else "<", value, result)
            result = self.b.select(closer, value, result)
        return result

    def _limit(self, limit: Limit, rounds_up: bool) -> L.Value:
        value = self.affine(limit.affine)
        if limit.divisor == 1:
            return value
        d = I64(limit.divisor)
        if rounds_up:
            value = self.b.add(value, I64(limit.divisor - 1))
        rest = self.b.srem(value, d)
        floor = self.b.sdiv(self.b.sub(value, rest), d)
        negative = self.b.icmp_signed("<", rest, I64(0))
        return self.b.select(negative, self.b.sub(floor, I64(1)), floor)

    def vector_loop(self, statement: For) -> None:
        """Write the body once, for all lanes; lanes beyond the loop's end are masked."""
        stop = min(limit.affine.constant for limit in statement.stops)
        self.lane, self.lanes = statement.loop, statement.lanes
        self.mask = self._first(stop) if stop < self.lanes else None
        self.loops[statement.loop] = I64(0)
        self.scopes.append({})
        self.statements(statement.body)
        self.scopes.pop()
        self.lane, self.lanes, self.mask = "", 0, None

    def spread(self, value: L.Value) -> L.Value:
        """Return a value for every lane, inside a loop over lanes."""
        if not self.lanes or isinstance(value.type, L.VectorType):
            return value
        kind = L.VectorType(value.type, self.lanes)
        if isinstance(value, L.Constant):
            return L.Constant(kind, [value] * self.lanes)
        first = self.b.insert_element(L.Constant(kind, L.Undefined), value, I32(0))
        zeros = L.Constant(L.VectorType(I32, self.lanes), [I32(0)] * self.lanes)
        return self.b.shuffle_vector(first, L.Constant(kind, L.Undefined), zeros)

    def store(self, statement: Store) -> None:
        value = self.spread(self.value(statement.value))
        address = self.address(statement.buffer, statement.indices)
        if self.lanes:
            self._store_lanes(value, address, statement.buffer.dtype)
            return
        if statement.buffer.dtype.kind == "b":
            value = self.b.zext(value, I8)
        self.b.store(value, address)

    def _store_lanes(self, value: L.Value, address: L.Value, dtype: DType) -> None:
        if self.mask is None:
            self.b.store(value, address, align=dtype.itemsize)
            return
        kinds = [value.type, POINTER, I32, self.mask.type]
        name = f"llvm.masked.store.{_suffix(value.type)}.p0"
        store = self._intrinsic(name, L.VoidType(), kinds)
        self.b.call(store, [value, address, I32(dtype.itemsize), self.mask])

    def accumulate(self, statement: Accumulate) -> None:
        """Add to an element; lanes that share one are summed first."""
        value = self.spread(self.value(statement.value))
        address = self.address(statement.buffer, statement.indices)
        shared = self.lanes and not self._lane_step(statement.buffer, statement.indices)
        if shared:
            value = self._lane_sum(value)
        lanes = self.lanes and not shared
        old = (
            self._load_lanes(address, value.type) if lanes else self.b.load(address, typ=value.type)
        )
        total = (
            self._sum([old, value]) if statement.value.dtype.kind == "f" else self.b.add(old, value)
        )
        if lanes:
            self._store_lanes(total, address, statement.buffer.dtype)
        else:
            self.b.store(total, address)

    def _lane_sum(self, value: L.Value) -> L.Value:
        kind = value.type.element
        zero = kind(0)
        if self.mask is not None:
            value = self.b.select(self.mask, value, L.Constant(value.type, [zero] * self.lanes))
        if isinstance(kind, L.IntType):
            name = f"llvm.vector.reduce.add.{_suffix(value.type)}"
            return self.b.call(self._intrinsic(name, kind, [value.type]), [value])
        name = f"llvm.vector.reduce.fadd.{_suffix(value.type)}"
        reduce = self._intrinsic(name, kind, [kind, value.type])
        return self.b.call(reduce, [kind(-0.0), value], fastmath=("reassoc",))

    def _lane_step(self, buffer: Buffer, indices: Sequence[Expression]) -> int:
        """Return how many elements apart neighbouring lanes are in a buffer."""
        step = 0
        for index, stride in zip(indices, buffer.strides, strict=True):
            if isinstance(index, Affine):
                step += stride * sum(c for n, c in index.terms if n == self.lane)
        return step

    def prefetch(self, statement: Prefetch) -> None:
        """Write the hint; its address may be beyond the buffer, as nothing is read."""
        constant, terms, _ = _offset(statement.buffer, statement.indices)
        kind = llvm_type(statement.buffer.dtype)
        place = self._place(statement.buffer, terms, kind)
        address = self.b.gep(place, [I64(constant)], source_etype=kind)
        fetch = self._intrinsic("llvm.prefetch.p0", L.VoidType(), [POINTER, I32, I32, I32])
        self.b.call(fetch, [address, I32(0), I32(3), I32(1)])  # to read, and keep near; data

    def turn(self, statement: Turn) -> None:
        """Write the square's vectors turned: pairs of ever larger blocks change places."""
        size, dtype = statement.size, statement.source.dtype
        kind = L.VectorType(llvm_type(dtype), size)
        places = [self.address(statement.source, statement.moved(n, 0)) for n in range(size)]
        rows = [self.b.load(place, typ=kind, align=dtype.itemsize) for place in places]
        step = 1
        while step < size:
            for n in (n for n in range(size) if not n & step):
                pair = rows[n], rows[n + step]
                rows[n], rows[n + step] = (self._mixed(*pair, step, high) for high in (0, 1))
            step *= 2
        for n, row in enumerate(rows):
            place = self.address(statement.target, statement.moved(0, n))
            self.b.store(row, place, align=dtype.itemsize)

    def _mixed(self, a: L.Value, b: L.Value, step: int, high: int) -> L.Value:
        """Return the lower (or higher) ones of each two blocks of ``step`` lanes of a, then b."""
        size = a.type.count
        lanes = [
            size * bool(n & step) + (n & ~step) + step * high for n in range(size)
        ]  # those from `size` on are b's
        mask = L.Constant(L.VectorType(I32, size), [I32(n) for n in lanes])
        return self.b.shuffle_vector(a, b, mask)

    def branch(self, statement: If) -> None:
        with self.b.if_then(self.value(statement.condition)):
            self.scopes.append({})
            self.statements(statement.body)
            self.scopes.pop()

    def variable(self, local: Local) -> L.Value:
        """Return where a local is kept: one value, or inside a loop over lanes one for each."""
        name = f"{local.name}.{self.lanes}" if self.lanes else local.name
        if name not in self.locals:
            self.locals[name] = self.entry.alloca(self._kind(local.dtype), name=name)
        return self.locals[name]

    def _kind(self, dtype: DType) -> L.Type:
        kind = llvm_type(dtype)
        return L.VectorType(kind, self.lanes) if self.lanes else kind

    # Expressions -----------------------------------------------------------------------

    def value(self, expression: Expression) -> L.Value:
        if isinstance(expression, Number):
            return llvm_type(expression.dtype)(expression.value)
        if isinstance(expression, Affine):
            return self.affine(expression)
        if isinstance(expression, Local):
            return self.b.load(self.variable(expression), typ=self._kind(expression.dtype))
        if isinstance(expression, Load):
            return self.load(expression)
        return self.operation(expression)

    def load(self, expression: Load) -> L.Value:
        address = self.address(expression.buffer, expression.indices)
        if self.lanes and self._lane_step(expression.buffer, expression.indices) == 1:
            return self._load_lanes(address, self._kind(expression.dtype), expression.active)
        if expression.dtype.kind == "b":
            return self.b.trunc(self.b.load(address, typ=I8), I1)
        return self.b.load(address, typ=llvm_type(expression.dtype))

    def _load_lanes(self, address: L.Value, kind: L.Type, active: int = 0) -> L.Value:
        size = 8 if kind.element in (I64, L.DoubleType()) else 4
        mask = self._first(active) if active else self.mask
        if mask is None:
            return self.b.load(address, typ=kind, align=size)
        zeros = L.Constant(kind, [kind.element(0)] * self.lanes)
        name = f"llvm.masked.load.{_suffix(kind)}.p0"
        load = self._intrinsic(name, kind, [POINTER, I32, mask.type, kind])
        return self.b.call(load, [address, I32(size), mask, zeros])

    def _first(self, active: int) -> L.Value:
        """Return the mask of the first lanes."""
        return L.Constant(L.VectorType(I1, self.lanes), [I1(n < active) for n in range(self.lanes)])

    def affine(self, affine: Affine) -> L.Value:
        value: L.Value = I64(affine.constant)
        for loop, coefficient in affine.terms:
            term = self.loops[loop]
            if coefficient != 1:
                term = self.b.mul(term, I64(coefficient), flags=["nsw"])
            value = self.b.add(value, term, flags=["nsw"])
        return value

    def address(self, buffer: Buffer, indices: Sequence[Expression]) -> L.Value:
        """Return where an element lies: a fixed distance from a place that others share."""
        constant, terms, rest = _offset(buffer, indices)
        kind = I8 if buffer.dtype.kind == "b" else llvm_type(buffer.dtype)
        place = self._place(buffer, terms, kind)
        offset: L.Value = I64(constant)
        for index, stride in rest:
            step = self.b.mul(self.value(index), I64(stride), flags=["nsw"])
            offset = self.b.add(offset, step, flags=["nsw"])
        if constant == 0 and not rest:
            return place
        return self.b.gep(place, [offset], inbounds=True, source_etype=kind)

    def _place(self, buffer: Buffer, terms: Terms, kind: L.Type) -> L.Value:
        """Return where a buffer's element at a sum of loops lies, computed once in a scope."""
        moving = tuple((n, c) for n, c in terms if self.loops[n] != I64(0))
        if not moving:
            return self._pointer(buffer)
        key = buffer.name, moving
        for scope in self.scopes:
            if key in scope:
                return scope[key]
        offset = self.affine(Affine(0, moving))
        place = self.b.gep(self._pointer(buffer), [offset], inbounds=True, source_etype=kind)
        self.scopes[-1][key] = place
        return place

    def _pointer(self, buffer: Buffer) -> L.Value:
        """Return where a buffer is; the kernel's own memory is made when it is first met."""
        if buffer.name not in self.pointers:
            kind = L.ArrayType(llvm_type(buffer.dtype), buffer.span)
            memory = self.entry.alloca(kind, name=buffer.name)
            memory.align = VECTOR
            memory.type = POINTER  # else stores would have to be of the array's type
            self.pointers[buffer.name] = memory
        return self.pointers[buffer.name]

    def operation(self, op: Op) -> L.Value:
        arguments = [self.value(a) for a in op.arguments]
        if any(isinstance(a.type, L.VectorType) for a in arguments):
            arguments = [self.spread(a) for a in arguments]
        source = op.arguments[-1].dtype
        if op.name in COMPARISONS:
            return self._compare(op.name, source, arguments)
        if op.name in ("convert", "bitcast"):
            return self._convert(op, arguments[0])
        if op.name == "select":
            return self.b.select(*arguments)
        return self._float(op, arguments) if op.dtype.kind == "f" else self._integer(op, arguments)

    def _compare(self, name: str, source: DType, arguments: list[L.Value]) -> L.Value:
        sign = {"less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!="}[name]
        if source.kind == "f":
            ordered = self.b.fcmp_unordered if sign == "!=" else self.b.fcmp_ordered
            return ordered(sign, *arguments)
        signed = source.kind == "i"
        return (self.b.icmp_signed if signed else self.b.icmp_unsigned)(sign, *arguments)

    def _convert(self, op: Op, value: L.Value) -> L.Value:
        source, target = op.arguments[0].dtype, op.dtype
        kind = self._like(value, llvm_type(target))
        if op.name == "bitcast":
            return self.b.bitcast(value, kind)
        if source.kind == "f" and target.kind == "f":
            if source.itemsize == target.itemsize:
                return value
            wider = target.itemsize > source.itemsize
            return (self.b.fpext if wider else self.b.fptrunc)(value, kind)
        if source.kind == "f":
            return self._saturated(value, source, target)
        if target.kind == "f":
            signed = source.kind == "i"
            return (self.b.sitofp if signed else self.b.uitofp)(value, kind)
        return self._resized(value, source, kind)

    def _saturated(self, value: L.Value, source: DType, target: DType) -> L.Value:
        name = "fptosi" if target.kind == "i" else "fptoui"
        kind = self._like(value, llvm_type(target))
        suffix = f"{_suffix(kind)}.{_suffix(value.type)}"
        intrinsic = self._intrinsic(f"llvm.{name}.sat.{suffix}", kind, [value.type])
        return self.b.call(intrinsic, [value])

    def _resized(self, value: L.Value, source: DType, kind: L.Type) -> L.Value:
        old, new = _element(value.type).width, _element(kind).width
        if old == new:
            return value
        if old > new:
            return self.b.trunc(value, kind)
        return (self.b.sext if source.kind == "i" else self.b.zext)(value, kind)

    def _float(self, op: Op, arguments: list[L.Value]) -> L.Value:
        if op.name == "sum":
            return self._sum(arguments)
        simple = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
        if op.name in simple:
            return getattr(self.b, simple[op.name])(*arguments)
        if op.name == "negative":
            return self.b.fneg(arguments[0])
        names = {"abs": "fabs", "round": "roundeven"}
        kind = arguments[0].type
        name = f"llvm.{names.get(op.name, op.name)}.{_suffix(kind)}"
        return self.b.call(self._intrinsic(name, kind, [kind] * len(arguments)), arguments)

    def _sum(self, arguments: list[L.Value]) -> L.Value:
        """Add; the order of the sum is free, and a product may be fused into it."""
        total, term = arguments
        if isinstance(term, L.Instruction) and term.opname == "fmul":
            term.flags = ["contract"]
        return self.b.fadd(total, term, flags=["reassoc", "contract"])

    def _integer(self, op: Op, arguments: list[L.Value]) -> L.Value:
        b, signed = self.b, op.dtype.kind == "i"
        if op.name == "negative":
            return b.neg(arguments[0])
        if op.name == "not":
            return b.not_(arguments[0])
        if op.name == "abs":
            (value,) = arguments
            negative = b.icmp_signed("<", value, self._zero(value.type))
            return b.select(negative, b.neg(value), value) if signed else value
        methods = {
            "add": b.add,
            "sum": b.add,
            "subtract": b.sub,
            "multiply": b.mul,
            "divide": b.sdiv if signed else b.udiv,
            "rem": b.srem if signed else b.urem,
            "and": b.and_,
            "or": b.or_,
            "xor": b.xor,
            "shift_left": b.shl,
            "shift_right": b.lshr,
        }
        return methods[op.name](*arguments)

    def _like(self, value: L.Value, kind: L.Type) -> L.Type:
        """Return a type for as many lanes as a value has."""
        vector = isinstance(value.type, L.VectorType)
        return L.VectorType(kind, value.type.count) if vector else kind

    def _zero(self, kind: L.Type) -> L.Value:
        vector = isinstance(kind, L.VectorType)
        return L.Constant(kind, [kind.element(0)] * kind.count) if vector else kind(0)

    def _intrinsic(self, name: str, kind: L.Type, arguments: list[L.Type]) -> L.Function:
        if name in self.module.globals:
            return self.module.globals[name]
        return L.Function(self.module, L.FunctionType(kind, arguments), name)
