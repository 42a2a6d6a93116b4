"""Where two configs differ, in words."""


def difference(old, new, key=""):
    """The first key, dotted, that has another value in one config than in another, with both values; "" if none has.

    old, new: dictionaries and lists of plain values.
    """
    if type(old) is type(new) is dict:
        pairs = [(name, old.get(name, "absent"), new.get(name, "absent")) for name in new | old]
    elif type(old) is type(new) is list and len(old) == len(new):
        pairs = [(k, *both) for k, both in enumerate(zip(old, new, strict=True))]
    else:
        return "" if old == new else f"{key.lstrip('.')} is {_short(new)}, was {_short(old)}"
    return next(filter(None, (difference(o, n, f"{key}.{name}") for name, o, n in pairs)), "")


def _short(value):
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
