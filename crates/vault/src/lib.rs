//! Where secrets come from, one file per provider; policy; the second net.
