use std::sync::Arc;

use tidemill_checkpoint::{FileStorage, MemoryStorage, ObjectStorage, open, open_existing};
use tidemill_core::storage::{Storage, StorageError};

fn contract(store: &dyn Storage) {
    assert!(matches!(store.get("a/b"), Err(StorageError::NotFound(_))));
    store.create("a/b", b"one").unwrap();
    assert!(matches!(store.create("a/b", b"two"), Err(StorageError::AlreadyExists(_))));
    assert_eq!(store.get("a/b").unwrap(), b"one");
    store.put("a/b", b"three").unwrap();
    store.put("a/c", b"").unwrap();
    store.put("ab", b"x").unwrap();
    assert_eq!(store.get_range("a/b", 1, 3).unwrap(), b"hre");
    assert_eq!(store.get_range("a/b", 5, 0).unwrap(), b"");
    assert!(store.get_range("a/b", 3, 3).is_err());
    assert_eq!(store.list("").unwrap(), ["a/b", "a/c", "ab"]);
    assert_eq!(store.list("a/").unwrap(), ["a/b", "a/c"]);
    assert_eq!(store.list("a").unwrap(), ["a/b", "a/c", "ab"]);
    assert!(store.list("none/").unwrap().is_empty());
    for _ in 0..2 {
        store.delete("a/b").unwrap();
        store.delete("a/c").unwrap();
    }
    store.create("a/b", b"again").unwrap();
    assert_eq!(store.list("").unwrap(), ["a/b", "ab"]);
    assert!(store.url("a/b").ends_with("/a/b"));
}

#[test]
fn in_memory() {
    contract(&MemoryStorage::new());
}

#[test]
fn in_files() {
    let root = tempfile::tempdir().unwrap();
    contract(&FileStorage::open(&root.path().join("new/one")).unwrap());
}

#[test]
fn in_an_object_store() {
    let store = Arc::new(object_store::memory::InMemory::new());
    contract(&ObjectStorage::new(store, "some/prefix", "s3://bucket/some/prefix").unwrap());
}

#[test]
fn urls_and_paths_name_the_same_directory() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a b");
    let by_path = open(path.to_str().unwrap()).unwrap();
    by_path.put("x", b"1").unwrap();
    let url = by_path.url("").replace(' ', "%20");
    assert_eq!(open(&url).unwrap().get("x").unwrap(), b"1");
    assert_eq!(open_existing(&url).unwrap().get("x").unwrap(), b"1");
    let missing = open_existing(root.path().join("none").to_str().unwrap()).err().unwrap();
    assert_eq!(missing.code(), "storage.no-directory");
    assert!(!root.path().join("none").exists());
}

#[test]
fn a_directory_that_vanishes_is_an_error_and_is_not_made_again() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("checkpoints");
    let store = FileStorage::open(&path).unwrap();
    store.put("a/b", b"1").unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    for result in [store.put("a/b", b"1"), store.create("c", b"1"), store.get("a/b").map(|_| ())] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("has vanished") && error.contains("checkpoints"), "{error}");
    }
    assert!(store.list("").unwrap_err().to_string().contains("has vanished"));
    assert!(!path.exists());
}

#[test]
fn a_file_in_the_way_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    std::fs::write(&path, "x").unwrap();
    let failure = FileStorage::open(&path).unwrap_err();
    assert!(failure.message().contains("a file is in the way"), "{failure}");
}
